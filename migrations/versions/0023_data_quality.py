"""Quality of data: daily figures, the authority's identity results, pairs found to be two pupils

``student.population_check`` goes: nothing ever set it, and a state beside the profile would outlive a change of the name it was about.
What the authority answered is kept with the values it was asked about.

Revision ID: 0023
Revises: 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "quality_figure",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("class_group_id", sa.Integer(), nullable=False),
        sa.Column("measure", sa.String(length=10), nullable=False),
        sa.Column("n_checked", sa.Integer(), nullable=False),
        sa.Column("n_sound", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "measure IN ('correct','complete','clean','alive')", name=op.f("ck_quality_figure_known_measure")
        ),
        sa.CheckConstraint("n_sound BETWEEN 0 AND n_checked", name=op.f("ck_quality_figure_sound_of_checked")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quality_figure")),
        sa.UniqueConstraint(
            "day", "class_group_id", "measure", name=op.f("uq_quality_figure_day_class_group_id_measure")
        ),
    )
    op.create_table(
        "identity_check",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("student_id", sa.Integer(), nullable=False),
        sa.Column("result", sa.String(length=10), nullable=False),
        sa.Column("fields", sa.String(length=100), nullable=False),
        sa.Column("personal_id_number", sa.String(length=12), nullable=True),
        sa.Column("full_name", sa.String(length=120), nullable=False),
        sa.Column("birth_on", sa.Date(), nullable=False),
        sa.Column("sex", sa.String(length=3), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("checked_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Integer(), nullable=True),
        sa.Column("recorder_name", sa.String(length=120), nullable=False),
        sa.CheckConstraint("result IN ('matched','mismatch')", name=op.f("ck_identity_check_known_result")),
        sa.CheckConstraint("result = 'mismatch' OR fields = ''", name=op.f("ck_identity_check_matched_names_no_field")),
        sa.ForeignKeyConstraint(["student_id"], ["student.id"], name=op.f("fk_identity_check_student_id")),
        sa.ForeignKeyConstraint(["recorded_by"], ["account.id"], name=op.f("fk_identity_check_recorded_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_check")),
    )
    op.create_index("ix_identity_check_student", "identity_check", ["student_id"], unique=False)
    op.create_table(
        "distinct_pair",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("first_id", sa.Integer(), nullable=False),
        sa.Column("second_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_by", sa.Integer(), nullable=True),
        sa.Column("settler_name", sa.String(length=120), nullable=False),
        sa.CheckConstraint("first_id < second_id", name=op.f("ck_distinct_pair_lower_id_first")),
        sa.ForeignKeyConstraint(["first_id"], ["student.id"], name=op.f("fk_distinct_pair_first_id")),
        sa.ForeignKeyConstraint(["second_id"], ["student.id"], name=op.f("fk_distinct_pair_second_id")),
        sa.ForeignKeyConstraint(["settled_by"], ["account.id"], name=op.f("fk_distinct_pair_settled_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_distinct_pair")),
        sa.UniqueConstraint("first_id", "second_id", name=op.f("uq_distinct_pair_first_id_second_id")),
    )
    with op.batch_alter_table("student") as table:
        table.drop_column("population_check")


def downgrade() -> None:
    # The log tells of these rows: without them each would be told as lost.
    if not op.get_context().as_sql:
        n_rows = sum(
            op.get_bind().execute(sa.select(sa.func.count()).select_from(sa.table(name))).scalar() or 0
            for name in ("identity_check", "distinct_pair")
        )
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} dòng kết quả đối chiếu sẽ mất mà nhật ký vẫn ghi. "
                "Xin phục hồi một bản sao lưu của bản cũ."
            )
    with op.batch_alter_table("student") as table:
        table.add_column(
            sa.Column("population_check", sa.String(length=20), server_default="not_checked", nullable=False)
        )
    op.drop_table("distinct_pair")
    op.drop_table("identity_check")
    op.drop_table("quality_figure")
