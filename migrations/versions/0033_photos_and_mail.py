"""A pupil's photo; to whom an announcement went by mail

Revision ID: 0033
Revises: 0032
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "student_photo",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("student_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("setter_name", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(["student_id"], ["student.id"], name=op.f("fk_student_photo_student_id")),
        sa.ForeignKeyConstraint(["digest"], ["stored_document.digest"], name=op.f("fk_student_photo_digest")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_student_photo")),
        sa.UniqueConstraint("student_id", name=op.f("uq_student_photo_student_id")),
    )
    op.create_table(
        "announcement_mail",
        sa.Column("announcement_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("mailed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["announcement_id"], ["announcement.id"], name=op.f("fk_announcement_mail_announcement_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_announcement_mail_person_id")),
        sa.PrimaryKeyConstraint("announcement_id", "person_id", name=op.f("pk_announcement_mail")),
    )


def downgrade() -> None:
    # The log tells of these rows: without them each would be told as lost.
    if not op.get_context().as_sql:
        n_rows = op.get_bind().execute(sa.text("SELECT count(*) FROM student_photo")).scalar() or 0
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} ảnh học sinh sẽ mất mà nhật ký vẫn ghi. Xin phục hồi một bản sao lưu của bản cũ."
            )
    op.drop_table("announcement_mail")
    op.drop_table("student_photo")
