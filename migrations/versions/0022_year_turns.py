"""The turn of the year: the office's plan and the principal's approval

Revision ID: 0022
Revises: 0021
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "year_turn",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("from_year_id", sa.Integer(), nullable=False),
        sa.Column("to_year_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("choices", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("prepared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("prepared_by", sa.Integer(), nullable=True),
        sa.Column("preparer_name", sa.String(length=120), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("decider_name", sa.String(length=120), nullable=True),
        sa.Column("note", sa.String(length=500), nullable=True),
        sa.CheckConstraint("state IN ('DRAFT','SENT','RETURNED','DONE')", name=op.f("ck_year_turn_known_state")),
        sa.CheckConstraint(
            "(state = 'DONE') = (to_year_id IS NOT NULL)", name=op.f("ck_year_turn_done_names_the_new_year")
        ),
        sa.CheckConstraint("state <> 'DONE' OR decided_at IS NOT NULL", name=op.f("ck_year_turn_done_by_somebody")),
        sa.ForeignKeyConstraint(["from_year_id"], ["school_year.id"], name=op.f("fk_year_turn_from_year_id")),
        sa.ForeignKeyConstraint(["to_year_id"], ["school_year.id"], name=op.f("fk_year_turn_to_year_id")),
        sa.ForeignKeyConstraint(["prepared_by"], ["account.id"], name=op.f("fk_year_turn_prepared_by")),
        sa.ForeignKeyConstraint(["decided_by"], ["account.id"], name=op.f("fk_year_turn_decided_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_year_turn")),
        sa.UniqueConstraint("from_year_id", name=op.f("uq_year_turn_from_year_id")),
    )


def downgrade() -> None:
    # The log tells of these rows: without them each would be told as lost.
    if not op.get_context().as_sql:
        n_rows = op.get_bind().execute(sa.select(sa.func.count()).select_from(sa.table("year_turn"))).scalar() or 0
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} dòng về việc chuyển năm học sẽ mất mà nhật ký vẫn ghi. "
                "Xin phục hồi một bản sao lưu của bản cũ."
            )
    op.drop_table("year_turn")
