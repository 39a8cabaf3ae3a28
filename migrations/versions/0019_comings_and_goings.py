"""Pupils who come and go in the middle of a year: their papers, and the results they bring with them

Revision ID: 0019
Revises: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_DEPARTURE = sa.text("taken_back_at IS NULL AND kind <> 'transferred_in'")
_STANDING = sa.text("state IN ('PROPOSED','ACCEPTED')")


def upgrade() -> None:
    with op.batch_alter_table("enrollment") as table:
        table.add_column(sa.Column("first_semester", sa.Integer(), server_default="1", nullable=False))
        table.create_check_constraint(op.f("ck_enrollment_first_semester_one_or_two"), "first_semester IN (1,2)")
    op.create_table(
        "movement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("enrollment_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("from_status", sa.String(length=20), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("school_name", sa.String(length=200), nullable=True),
        sa.Column("paper_no", sa.String(length=100), nullable=False),
        sa.Column("paper_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Integer(), nullable=True),
        sa.Column("recorder_name", sa.String(length=120), nullable=False),
        sa.Column("taken_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_back_by", sa.Integer(), nullable=True),
        sa.Column("taken_back_name", sa.String(length=120), nullable=True),
        sa.Column("taken_back_reason", sa.String(length=500), nullable=True),
        sa.CheckConstraint("kind IN ('transferred_in','transferred_out','left')", name=op.f("ck_movement_known_kind")),
        sa.CheckConstraint(
            "kind = 'left' OR school_name IS NOT NULL", name=op.f("ck_movement_transfer_names_the_school")
        ),
        sa.CheckConstraint(
            "from_status IN ('studying','transferred_in')", name=op.f("ck_movement_from_a_place_in_class")
        ),
        sa.CheckConstraint(
            "(taken_back_at IS NULL) = (taken_back_name IS NULL) AND (taken_back_at IS NULL) = (taken_back_reason IS NULL)",
            name=op.f("ck_movement_taken_back_by_somebody_for_a_reason"),
        ),
        sa.CheckConstraint(
            "taken_back_at IS NULL OR kind <> 'transferred_in'", name=op.f("ck_movement_only_departures_are_taken_back")
        ),
        sa.ForeignKeyConstraint(["enrollment_id"], ["enrollment.id"], name=op.f("fk_movement_enrollment_id")),
        sa.ForeignKeyConstraint(["recorded_by"], ["account.id"], name=op.f("fk_movement_recorded_by")),
        sa.ForeignKeyConstraint(["taken_back_by"], ["account.id"], name=op.f("fk_movement_taken_back_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_movement")),
    )
    with op.batch_alter_table("movement") as table:
        table.create_index(op.f("ix_movement_enrollment_id"), ["enrollment_id"], unique=False)
        table.create_index(
            "uq_movement_departure",
            ["enrollment_id"],
            unique=True,
            sqlite_where=_DEPARTURE,
            postgresql_where=_DEPARTURE,
        )
    op.create_table(
        "inherited_result",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("enrollment_id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("semester", sa.Integer(), nullable=False),
        sa.Column("tenths", sa.SmallInteger(), nullable=True),
        sa.Column("mark", sa.String(length=2), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("document", sa.String(length=200), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proposed_by", sa.Integer(), nullable=True),
        sa.Column("proposer_name", sa.String(length=120), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("decider_name", sa.String(length=120), nullable=True),
        sa.Column("decision_note", sa.String(length=500), nullable=True),
        sa.CheckConstraint("semester = 1", name=op.f("ck_inherited_result_semester_one")),
        sa.CheckConstraint(
            "state IN ('PROPOSED','ACCEPTED','REFUSED','REPLACED')", name=op.f("ck_inherited_result_known_state")
        ),
        sa.CheckConstraint("(tenths IS NULL) <> (mark IS NULL)", name=op.f("ck_inherited_result_score_or_mark")),
        sa.CheckConstraint(
            "tenths IS NULL OR tenths BETWEEN 0 AND 100", name=op.f("ck_inherited_result_tenths_0_to_100")
        ),
        sa.CheckConstraint("mark IS NULL OR mark IN ('Đ','CĐ')", name=op.f("ck_inherited_result_mark_pass_or_fail")),
        sa.CheckConstraint(
            "(state = 'PROPOSED') = (decided_at IS NULL)", name=op.f("ck_inherited_result_decided_has_its_time")
        ),
        sa.ForeignKeyConstraint(["enrollment_id"], ["enrollment.id"], name=op.f("fk_inherited_result_enrollment_id")),
        sa.ForeignKeyConstraint(["subject_id"], ["subject.id"], name=op.f("fk_inherited_result_subject_id")),
        sa.ForeignKeyConstraint(["proposed_by"], ["account.id"], name=op.f("fk_inherited_result_proposed_by")),
        sa.ForeignKeyConstraint(["decided_by"], ["account.id"], name=op.f("fk_inherited_result_decided_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inherited_result")),
    )
    with op.batch_alter_table("inherited_result") as table:
        table.create_index(op.f("ix_inherited_result_enrollment_id"), ["enrollment_id"], unique=False)
        table.create_index(
            "uq_inherited_result_standing",
            ["enrollment_id", "subject_id", "semester", "state"],
            unique=True,
            sqlite_where=_STANDING,
            postgresql_where=_STANDING,
        )


def downgrade() -> None:
    # The log keeps what these rows say: without them each would be told as lost, and a pupil who left would have no paper.
    if not op.get_context().as_sql:
        movements, results = sa.table("movement"), sa.table("inherited_result")
        n_rows = sum(
            op.get_bind().execute(sa.select(sa.func.count()).select_from(one)).scalar() or 0
            for one in (movements, results)
        )
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} dòng về học sinh chuyển đến, chuyển đi sẽ mất mà nhật ký vẫn ghi. "
                "Xin phục hồi một bản sao lưu của bản cũ."
            )
    op.drop_table("inherited_result")
    op.drop_table("movement")
    with op.batch_alter_table("enrollment") as table:
        table.drop_constraint(op.f("ck_enrollment_first_semester_one_or_two"), type_="check")
        table.drop_column("first_semester")
