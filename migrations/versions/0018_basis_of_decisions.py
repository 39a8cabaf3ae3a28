"""A decision keeps the results it was made on

Revision ID: 0018
Revises: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What earlier decisions were made on is not known, so they are asked for again; frozen results keep what they hold.
    with op.batch_alter_table("principal_decision") as table:
        table.add_column(sa.Column("basis", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("principal_decision") as table:
        table.drop_column("basis")
