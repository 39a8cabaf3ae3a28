"""What a changed conclusion means for the pupil after the summer or the turn of the year; a place that was changed within the school

Revision ID: 0030
Revises: 0028
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0028"
branch_labels = None
depends_on = None

_OPEN = sa.text("state <> 'SETTLED'")


def upgrade() -> None:
    _known_statuses("'studying','transferred_in','transferred_out','left','moved'")
    op.create_table(
        "conclusion_case",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("correction_request_id", sa.Integer(), nullable=False),
        sa.Column("enrollment_id", sa.Integer(), nullable=False),
        sa.Column("before_outcome", sa.String(length=20), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("choice", sa.String(length=10), nullable=False),
        sa.Column("paper", sa.String(length=300), nullable=False),
        sa.Column("until_on", sa.Date(), nullable=True),
        sa.Column("to_class_group_id", sa.Integer(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("decider_name", sa.String(length=120), nullable=False),
        sa.Column("since_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.Integer(), nullable=True),
        sa.Column("settler_name", sa.String(length=120), nullable=True),
        sa.Column("settled_note", sa.String(length=500), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("state IN ('SUMMER','PLACE','MOVE','SETTLED')", name=op.f("ck_conclusion_case_known_state")),
        sa.CheckConstraint(
            "choice IN ('summer','move','stay','gone','keep')", name=op.f("ck_conclusion_case_known_choice")
        ),
        sa.CheckConstraint(
            "(state = 'SETTLED') = (settled_at IS NOT NULL)", name=op.f("ck_conclusion_case_settled_has_its_time")
        ),
        sa.CheckConstraint(
            "choice <> 'summer' OR until_on IS NOT NULL", name=op.f("ck_conclusion_case_a_late_summer_has_its_day")
        ),
        sa.ForeignKeyConstraint(
            ["correction_request_id"], ["correction_request.id"], name=op.f("fk_conclusion_case_correction_request_id")
        ),
        sa.ForeignKeyConstraint(["enrollment_id"], ["enrollment.id"], name=op.f("fk_conclusion_case_enrollment_id")),
        sa.ForeignKeyConstraint(
            ["to_class_group_id"], ["class_group.id"], name=op.f("fk_conclusion_case_to_class_group_id")
        ),
        sa.ForeignKeyConstraint(["decided_by"], ["account.id"], name=op.f("fk_conclusion_case_decided_by")),
        sa.ForeignKeyConstraint(["settled_by"], ["account.id"], name=op.f("fk_conclusion_case_settled_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conclusion_case")),
    )
    with op.batch_alter_table("conclusion_case") as table:
        table.create_index(op.f("ix_conclusion_case_correction_request_id"), ["correction_request_id"], unique=False)
        table.create_index(op.f("ix_conclusion_case_enrollment_id"), ["enrollment_id"], unique=False)
        table.create_index(
            "uq_conclusion_case_open", ["enrollment_id"], unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN
        )


def _known_statuses(statuses: str) -> None:
    with op.batch_alter_table("enrollment") as table:
        table.drop_constraint(op.f("ck_enrollment_known_status"), type_="check")
        table.create_check_constraint(op.f("ck_enrollment_known_status"), f"status IN ({statuses})")


def downgrade() -> None:
    # The log keeps what these rows say: without them each would be told as lost.
    if not op.get_context().as_sql:
        n_rows = op.get_bind().execute(sa.select(sa.func.count()).select_from(sa.table("conclusion_case"))).scalar()
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} việc sau khi kết luận đổi sẽ mất mà nhật ký vẫn ghi. "
                "Xin phục hồi một bản sao lưu của bản cũ."
            )
    op.drop_table("conclusion_case")
    _known_statuses("'studying','transferred_in','transferred_out','left'")
