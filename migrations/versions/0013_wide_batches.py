"""batches over a grade level or the school, paused and taken up, and what was chosen for them

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_CHECKS = {
    "known_state": "state IN ('RUNNING','PAUSING','PAUSED','DONE')",
    "known_scope": "scope_kind IN ('class_group','grade_level','school')",
    "a_class_has_its_id": "(scope_kind = 'class_group') = (class_group_id IS NOT NULL)",
    "a_grade_level_has_its_number": "(scope_kind = 'grade_level') = (grade_level IS NOT NULL)",
}
_COLUMNS = (
    "school_year_id",
    "scope_kind",
    "grade_level",
    "resumed_at",
    "runner",
    "issue_on",
    "deputy_person_id",
    "publish_on_seal",
)


def upgrade():
    with op.batch_alter_table("signing_batch", schema=None) as batch_op:
        batch_op.add_column(sa.Column("school_year_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("scope_kind", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("grade_level", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("resumed_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("runner", sa.String(length=120), nullable=True))
        batch_op.add_column(sa.Column("issue_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("deputy_person_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("publish_on_seal", sa.Boolean(), nullable=True))
    op.execute(
        "UPDATE signing_batch SET scope_kind = 'class_group', publish_on_seal = (step = 'principal'), school_year_id ="
        " (SELECT school_year_id FROM class_group WHERE class_group.id = signing_batch.class_group_id)"
    )
    op.execute("UPDATE signing_batch SET state = 'DONE' WHERE state = 'STOPPED'")
    with op.batch_alter_table("signing_batch", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_signing_batch_known_state"), type_="check")
        batch_op.alter_column("school_year_id", existing_type=sa.Integer(), nullable=False)
        batch_op.alter_column("scope_kind", existing_type=sa.String(length=20), nullable=False)
        batch_op.alter_column("publish_on_seal", existing_type=sa.Boolean(), nullable=False)
        batch_op.alter_column("class_group_id", existing_type=sa.Integer(), nullable=True)
        for name, rule in _CHECKS.items():
            batch_op.create_check_constraint(batch_op.f(f"ck_signing_batch_{name}"), rule)
        batch_op.create_foreign_key(
            batch_op.f("fk_signing_batch_school_year_id"), "school_year", ["school_year_id"], ["id"]
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_signing_batch_deputy_person_id"), "person", ["deputy_person_id"], ["id"]
        )
        batch_op.create_index(batch_op.f("ix_signing_batch_school_year_id"), ["school_year_id"], unique=False)


def downgrade():
    # A batch over many classes has no place in the table of before. Nothing is dropped that somebody wrote.
    if not op.get_context().as_sql:
        n_rows = (
            op.get_bind()
            .execute(
                sa.text(
                    "SELECT count(*) FROM signing_batch WHERE class_group_id IS NULL OR state IN ('PAUSING','PAUSED')"
                )
            )
            .scalar()
        )
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} lượt lập, ký cho cả khối, toàn trường hoặc đang tạm dừng không có chỗ trong bản cũ. Xin phục hồi một bản sao lưu của bản cũ."
            )
    with op.batch_alter_table("signing_batch", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_signing_batch_school_year_id"))
        batch_op.drop_constraint(batch_op.f("fk_signing_batch_deputy_person_id"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_signing_batch_school_year_id"), type_="foreignkey")
        for name in _CHECKS:
            batch_op.drop_constraint(batch_op.f(f"ck_signing_batch_{name}"), type_="check")
        batch_op.alter_column("class_group_id", existing_type=sa.Integer(), nullable=False)
        for name in _COLUMNS:
            batch_op.drop_column(name)
        batch_op.create_check_constraint(
            batch_op.f("ck_signing_batch_known_state"), "state IN ('RUNNING','DONE','STOPPED')"
        )
