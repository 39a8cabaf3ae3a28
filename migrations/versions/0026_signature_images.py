"""A signer's own image of hand or seal, drawn with each signature

Revision ID: 0026
Revises: 0024
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("certificate") as table:
        table.add_column(sa.Column("image_digest", sa.String(length=64), nullable=True))
        table.create_foreign_key(op.f("fk_certificate_image_digest"), "stored_document", ["image_digest"], ["digest"])


def downgrade() -> None:
    with op.batch_alter_table("certificate") as table:
        table.drop_constraint(op.f("fk_certificate_image_digest"), type_="foreignkey")
        table.drop_column("image_digest")
