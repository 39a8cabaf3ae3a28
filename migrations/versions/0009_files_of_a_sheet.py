"""the score sheet that an imported file belongs to

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
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
    # The log keeps what these rows say: without them each would be told as lost. Nothing is dropped that somebody wrote.
    if not op.get_context().as_sql:
        n_rows = (
            op.get_bind()
            .execute(sa.text("SELECT count(*) FROM import_batch WHERE score_sheet_id IS NOT NULL"))
            .scalar()
        )
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} dòng tệp Excel của bảng điểm sẽ mất mà nhật ký vẫn ghi. Xin phục hồi một bản sao lưu của bản cũ."
            )
    with op.batch_alter_table("import_batch", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_import_batch_score_sheet_id"))
        batch_op.drop_constraint(batch_op.f("fk_import_batch_score_sheet_id"), type_="foreignkey")
        batch_op.drop_column("score_sheet_id")
