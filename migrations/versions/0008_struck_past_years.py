"""Past years elsewhere may be struck out

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("study_history") as table:
        table.add_column(sa.Column("struck_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    # The log keeps what these rows say: without them each would be told as lost. Nothing is dropped that somebody wrote.
    if not op.get_context().as_sql:
        n_rows = (
            op.get_bind().execute(sa.text("SELECT count(*) FROM study_history WHERE struck_at IS NOT NULL")).scalar()
        )
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} dòng quá trình học tập đã gạch bỏ sẽ mất mà nhật ký vẫn ghi. Xin phục hồi một bản sao lưu của bản cũ."
            )
    with op.batch_alter_table("study_history") as table:
        table.drop_column("struck_at")
