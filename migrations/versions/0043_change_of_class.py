"""The source of values that a change of class carried

Revision ID: 0043
Revises: 0037
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0037"
branch_labels = None
depends_on = None

BEFORE = "source IN ('typed','pasted','undone','redone','imported','corrected','demo')"
AFTER = "source IN ('typed','pasted','undone','redone','imported','corrected','demo','carried')"


def _sources(condition: str) -> None:
    with op.batch_alter_table("score_cell_version", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_score_cell_version_known_source"), type_="check")
        batch_op.create_check_constraint(op.f("ck_score_cell_version_known_source"), condition)


def upgrade() -> None:
    _sources(AFTER)


def downgrade() -> None:
    # The log keeps what these rows say: nothing is dropped that somebody wrote.
    if not op.get_context().as_sql:
        n_rows = (
            op.get_bind().execute(sa.text("SELECT count(*) FROM score_cell_version WHERE source = 'carried'")).scalar()
        )
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} giá trị do chuyển lớp sẽ mất mà nhật ký vẫn ghi. "
                "Xin phục hồi một bản sao lưu của bản cũ."
            )
    _sources(BEFORE)
