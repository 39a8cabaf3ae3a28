"""Files of tasks that were taken out, with reason; who declines the mail of the day

Revision ID: 0037
Revises: 0036
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

_SHOWN = sa.text("removed_at IS NULL")


def upgrade() -> None:
    op.add_column("account", sa.Column("mail_declined_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("board_task_file") as table:
        table.add_column(sa.Column("added_by", sa.Integer(), nullable=True))
        table.add_column(sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("remover_name", sa.String(length=120), nullable=True))
        table.add_column(sa.Column("removed_reason", sa.String(length=300), nullable=True))
        table.create_foreign_key(op.f("fk_board_task_file_added_by"), "account", ["added_by"], ["id"])
        table.create_check_constraint(
            op.f("ck_board_task_file_removed_by_somebody_for_a_reason"),
            "(removed_at IS NULL) = (remover_name IS NULL) AND (removed_at IS NULL) = (removed_reason IS NULL)",
        )
        table.drop_constraint(op.f("uq_board_task_file_board_task_id_digest"), type_="unique")
    with op.batch_alter_table("board_task_file") as table:
        table.create_index(
            "uq_board_task_file_shown",
            ["board_task_id", "digest"],
            unique=True,
            sqlite_where=_SHOWN,
            postgresql_where=_SHOWN,
        )


def downgrade() -> None:
    # The log keeps what these columns say: without them each would be told as lost, and a file that was taken out would show again.
    if not op.get_context().as_sql:
        files = sa.table("board_task_file", sa.column("added_by"), sa.column("removed_at"))
        accounts = sa.table("account", sa.column("mail_declined_at"))
        told = sa.or_(files.c.added_by.is_not(None), files.c.removed_at.is_not(None))
        n_rows = op.get_bind().execute(sa.select(sa.func.count()).select_from(files).where(told)).scalar() or 0
        declined = accounts.c.mail_declined_at.is_not(None)
        n_rows += op.get_bind().execute(sa.select(sa.func.count()).select_from(accounts).where(declined)).scalar() or 0
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} dòng về tệp minh chứng, thư nhắc việc sẽ mất mà nhật ký vẫn ghi. "
                "Xin phục hồi một bản sao lưu của bản cũ."
            )
    with op.batch_alter_table("board_task_file") as table:
        table.drop_index("uq_board_task_file_shown")
    with op.batch_alter_table("board_task_file") as table:
        table.create_unique_constraint(op.f("uq_board_task_file_board_task_id_digest"), ["board_task_id", "digest"])
        table.drop_constraint(op.f("ck_board_task_file_removed_by_somebody_for_a_reason"), type_="check")
        table.drop_constraint(op.f("fk_board_task_file_added_by"), type_="foreignkey")
        for name in ("removed_reason", "remover_name", "removed_at", "added_by"):
            table.drop_column(name)
    op.drop_column("account", "mail_declined_at")
