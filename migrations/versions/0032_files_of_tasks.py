"""Files that show that a task of the board is done

Revision ID: 0032
Revises: 0030
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "board_task_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("board_task_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("file_name", sa.String(length=120), nullable=False),
        sa.Column("media_type", sa.String(length=60), nullable=False),
        sa.Column("n_bytes", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("adder_name", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(["board_task_id"], ["board_task.id"], name=op.f("fk_board_task_file_board_task_id")),
        sa.ForeignKeyConstraint(["digest"], ["stored_document.digest"], name=op.f("fk_board_task_file_digest")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_board_task_file")),
        sa.UniqueConstraint("board_task_id", "digest", name=op.f("uq_board_task_file_board_task_id_digest")),
    )


def downgrade() -> None:
    # The log tells of these rows: without them each would be told as lost.
    if not op.get_context().as_sql:
        n_rows = op.get_bind().execute(sa.text("SELECT count(*) FROM board_task_file")).scalar() or 0
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} tệp minh chứng sẽ mất mà nhật ký vẫn ghi. Xin phục hồi một bản sao lưu của bản cũ."
            )
    op.drop_table("board_task_file")
