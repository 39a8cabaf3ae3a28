"""What each person saw on the daily page, so that the next look begins with what is new

Revision ID: 0035
Revises: 0033
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "daily_look",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.Column("earlier_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("earlier", sa.Text(), nullable=True),
        sa.CheckConstraint("(earlier_at IS NULL) = (earlier IS NULL)", name=op.f("ck_daily_look_both_or_neither")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_daily_look_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_daily_look")),
        sa.UniqueConstraint("account_id", name=op.f("uq_daily_look_account_id")),
    )


def downgrade() -> None:
    op.drop_table("daily_look")
