"""Absences by month, with and without permission

Revision ID: 0036
Revises: 0035
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "month_absence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("enrollment_id", sa.Integer(), nullable=False),
        sa.Column("semester", sa.Integer(), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("sessions", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Integer(), nullable=True),
        sa.CheckConstraint("semester IN (1,2)", name=op.f("ck_month_absence_semester_one_or_two")),
        sa.CheckConstraint("kind IN ('excused','unexcused')", name=op.f("ck_month_absence_known_kind")),
        sa.CheckConstraint(
            "sessions IS NULL OR sessions BETWEEN 0 AND 31", name=op.f("ck_month_absence_sessions_of_a_month")
        ),
        sa.ForeignKeyConstraint(["enrollment_id"], ["enrollment.id"], name=op.f("fk_month_absence_enrollment_id")),
        sa.ForeignKeyConstraint(["updated_by"], ["account.id"], name=op.f("fk_month_absence_updated_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_month_absence")),
        sa.UniqueConstraint(
            "enrollment_id",
            "semester",
            "month",
            "kind",
            name=op.f("uq_month_absence_enrollment_id_semester_month_kind"),
        ),
    )


def downgrade() -> None:
    # The log keeps what these rows say: without them each would be told as lost.
    if not op.get_context().as_sql:
        n_rows = op.get_bind().execute(sa.select(sa.func.count()).select_from(sa.table("month_absence"))).scalar()
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} ô nghỉ theo tháng sẽ mất mà nhật ký vẫn ghi. "
                "Xin phục hồi một bản sao lưu của bản cũ."
            )
    op.drop_table("month_absence")
