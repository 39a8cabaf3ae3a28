"""sources of undone and redone values, and the table of read-backs

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-28 01:10:00

"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BEFORE = "source IN ('typed','pasted','imported','corrected','demo')"
AFTER = "source IN ('typed','pasted','undone','redone','imported','corrected','demo')"


def _sources(condition):
    with op.batch_alter_table("score_cell_version", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_score_cell_version_known_source"), type_="check")
        batch_op.create_check_constraint(op.f("ck_score_cell_version_known_source"), condition)


def upgrade():
    _sources(AFTER)
    op.create_table(
        "sheet_read_back",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("score_sheet_id", sa.Integer(), nullable=False),
        sa.Column("reader_id", sa.Integer(), nullable=False),
        sa.Column("listener_id", sa.Integer(), nullable=False),
        sa.Column("reader_name", sa.String(length=120), nullable=False),
        sa.Column("listener_name", sa.String(length=120), nullable=False),
        sa.Column("column_keys", sa.String(length=40), nullable=False),
        sa.Column("n_cells", sa.Integer(), nullable=False),
        sa.Column("content_version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_account_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("reader_id <> listener_id", name=op.f("ck_sheet_read_back_two_people")),
        sa.CheckConstraint("n_cells > 0", name=op.f("ck_sheet_read_back_something_was_read")),
        sa.ForeignKeyConstraint(["by_account_id"], ["account.id"], name=op.f("fk_sheet_read_back_by_account_id")),
        sa.ForeignKeyConstraint(["listener_id"], ["person.id"], name=op.f("fk_sheet_read_back_listener_id")),
        sa.ForeignKeyConstraint(["reader_id"], ["person.id"], name=op.f("fk_sheet_read_back_reader_id")),
        sa.ForeignKeyConstraint(["score_sheet_id"], ["score_sheet.id"], name=op.f("fk_sheet_read_back_score_sheet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sheet_read_back")),
    )
    with op.batch_alter_table("sheet_read_back", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_sheet_read_back_score_sheet_id"), ["score_sheet_id"], unique=False)


def downgrade():
    # The log keeps what these rows say: without them each would be told as lost. Nothing is dropped that somebody wrote.
    if not op.get_context().as_sql:
        n_rows = (
            op.get_bind()
            .execute(
                sa.text(
                    "SELECT (SELECT count(*) FROM sheet_read_back) + (SELECT count(*) FROM score_cell_version WHERE source IN ('undone', 'redone'))"
                )
            )
            .scalar()
        )
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} dòng đọc dò và hoàn tác sẽ mất mà nhật ký vẫn ghi. Xin phục hồi một bản sao lưu của bản cũ."
            )
    op.drop_table("sheet_read_back")
    _sources(BEFORE)
