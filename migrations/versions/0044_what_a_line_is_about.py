"""What each line of a message is about

Revision ID: 0044
Revises: 0043
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What was told before stays without: its words do not say for certain which piece of work they meant.
    op.add_column("notice", sa.Column("about", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("notice", "about")
