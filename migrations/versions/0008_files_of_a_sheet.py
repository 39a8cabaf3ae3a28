"""the score sheet that an imported file belongs to

Revision ID: 0008
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("import_batch", schema=None) as batch_op:
        batch_op.add_column(sa.Column("score_sheet_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_import_batch_score_sheet_id"), "score_sheet", ["score_sheet_id"], ["id"]
        )
        batch_op.create_index(batch_op.f("ix_import_batch_score_sheet_id"), ["score_sheet_id"], unique=False)


def downgrade():
    with op.batch_alter_table("import_batch", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_import_batch_score_sheet_id"))
        batch_op.drop_constraint(batch_op.f("fk_import_batch_score_sheet_id"), type_="foreignkey")
        batch_op.drop_column("score_sheet_id")
