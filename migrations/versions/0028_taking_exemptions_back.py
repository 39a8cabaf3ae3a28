"""Exemptions that are taken back; corrections of exemptions and of an old school's results

Revision ID: 0028
Revises: 0027
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_OPEN = sa.text("state = 'PROPOSED'")


def upgrade() -> None:
    _known_states("'PROPOSED','GRANTED','REFUSED','REVOKED'")
    _known_kinds("'score','homeroom','summer','civil_status','exemption','inherited'")
    with op.batch_alter_table("correction_request") as table:
        table.create_check_constraint(
            op.f("ck_correction_request_papers_are_named"), "kind NOT IN ('exemption','inherited') OR paper IS NOT NULL"
        )
    op.create_table(
        "exemption_revocation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("exemption_id", sa.Integer(), nullable=False),
        sa.Column("enrollment_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proposed_by", sa.Integer(), nullable=True),
        sa.Column("proposer_name", sa.String(length=120), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("decider_name", sa.String(length=120), nullable=True),
        sa.Column("decision_note", sa.String(length=500), nullable=True),
        sa.CheckConstraint(
            "state IN ('PROPOSED','REVOKED','REFUSED')", name=op.f("ck_exemption_revocation_known_state")
        ),
        sa.CheckConstraint(
            "(state = 'PROPOSED') = (decided_at IS NULL)", name=op.f("ck_exemption_revocation_decided_has_its_time")
        ),
        sa.CheckConstraint(
            "decided_by IS NULL OR proposed_by IS NULL OR decided_by <> proposed_by",
            name=op.f("ck_exemption_revocation_nobody_decides_the_own_request"),
        ),
        sa.ForeignKeyConstraint(["exemption_id"], ["exemption.id"], name=op.f("fk_exemption_revocation_exemption_id")),
        sa.ForeignKeyConstraint(
            ["enrollment_id"], ["enrollment.id"], name=op.f("fk_exemption_revocation_enrollment_id")
        ),
        sa.ForeignKeyConstraint(["proposed_by"], ["account.id"], name=op.f("fk_exemption_revocation_proposed_by")),
        sa.ForeignKeyConstraint(["decided_by"], ["account.id"], name=op.f("fk_exemption_revocation_decided_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exemption_revocation")),
    )
    with op.batch_alter_table("exemption_revocation") as table:
        table.create_index(op.f("ix_exemption_revocation_exemption_id"), ["exemption_id"], unique=False)
        table.create_index(op.f("ix_exemption_revocation_enrollment_id"), ["enrollment_id"], unique=False)
        table.create_index(
            "uq_exemption_revocation_open",
            ["exemption_id"],
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        )


def _known_kinds(kinds: str) -> None:
    with op.batch_alter_table("correction_request") as table:
        table.drop_constraint(op.f("ck_correction_request_known_kind"), type_="check")
        table.create_check_constraint(op.f("ck_correction_request_known_kind"), f"kind IN ({kinds})")


def _known_states(states: str) -> None:
    with op.batch_alter_table("exemption") as table:
        table.drop_constraint(op.f("ck_exemption_known_state"), type_="check")
        table.create_check_constraint(op.f("ck_exemption_known_state"), f"state IN ({states})")


def downgrade() -> None:
    # The log keeps what these rows say: without them each would be told as lost.
    if not op.get_context().as_sql:
        revocations, requests = sa.table("exemption_revocation"), sa.table("correction_request", sa.column("kind"))
        asked = sa.select(sa.func.count()).select_from(requests).where(requests.c.kind.in_(("exemption", "inherited")))
        n_rows = op.get_bind().execute(sa.select(sa.func.count()).select_from(revocations)).scalar() or 0
        n_rows += op.get_bind().execute(asked).scalar() or 0
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} đề nghị về miễn học hoặc kết quả nơi chuyển đến sẽ mất mà nhật ký vẫn ghi. "
                "Xin phục hồi một bản sao lưu của bản cũ."
            )
    op.drop_table("exemption_revocation")
    _known_states("'PROPOSED','GRANTED','REFUSED'")
    with op.batch_alter_table("correction_request") as table:
        table.drop_constraint(op.f("ck_correction_request_papers_are_named"), type_="check")
    _known_kinds("'score','homeroom','summer','civil_status'")
