"""phrases that a teacher keeps for writing remarks

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "remark_phrase",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=True),
        sa.Column("level", sa.String(length=3), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=300), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("level IN ('T','K','Đ','CĐ','ANY')", name=op.f("ck_remark_phrase_known_level")),
        sa.CheckConstraint("text <> ''", name=op.f("ck_remark_phrase_says_something")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_remark_phrase_person_id")),
        sa.ForeignKeyConstraint(["subject_id"], ["subject.id"], name=op.f("fk_remark_phrase_subject_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remark_phrase")),
    )
    op.create_index("ix_remark_phrase_person_id", "remark_phrase", ["person_id"])


def downgrade():
    # The log keeps what these rows say: without them each would be told as lost. Nothing is dropped that somebody wrote.
    if not op.get_context().as_sql:
        n_rows = op.get_bind().execute(sa.text("SELECT count(*) FROM remark_phrase")).scalar()
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} dòng câu nhận xét mẫu sẽ mất mà nhật ký vẫn ghi. Xin phục hồi một bản sao lưu của bản cũ."
            )
    op.drop_table("remark_phrase")
