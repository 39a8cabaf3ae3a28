"""midterm and final results typed again from the papers by a second person

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "blind_draw",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("score_sheet_id", sa.Integer(), nullable=False),
        sa.Column("seed", sa.String(length=64), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("cells", sa.String(length=8000), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("percent BETWEEN 1 AND 100", name=op.f("ck_blind_draw_a_share")),
        sa.ForeignKeyConstraint(["score_sheet_id"], ["score_sheet.id"], name=op.f("fk_blind_draw_score_sheet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blind_draw")),
    )
    op.create_index(op.f("ix_blind_draw_score_sheet_id"), "blind_draw", ["score_sheet_id"], unique=False)
    op.create_table(
        "blind_check",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("blind_draw_id", sa.Integer(), nullable=False),
        sa.Column("score_sheet_id", sa.Integer(), nullable=False),
        sa.Column("enrollment_id", sa.Integer(), nullable=False),
        sa.Column("column_key", sa.String(length=3), nullable=False),
        sa.Column("cell_version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("second_tenths", sa.SmallInteger(), nullable=True),
        sa.Column("second_mark", sa.String(length=2), nullable=True),
        sa.Column("no_paper", sa.Boolean(), nullable=False),
        sa.Column("typed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("typed_by", sa.Integer(), nullable=True),
        sa.Column("typed_name", sa.String(length=120), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_name", sa.String(length=120), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("column_key IN ('GK','CK')", name=op.f("ck_blind_check_midterm_or_final")),
        sa.CheckConstraint(
            "state IN ('WAITING','TYPED','SAME','DIFFERENT','MISREAD','VOID')",
            name=op.f("ck_blind_check_known_state"),
        ),
        sa.CheckConstraint(
            "second_tenths IS NULL OR second_tenths BETWEEN 0 AND 100",
            name=op.f("ck_blind_check_score_from_0_to_10"),
        ),
        sa.CheckConstraint("second_mark IS NULL OR second_mark IN ('Đ','CĐ')", name=op.f("ck_blind_check_known_mark")),
        sa.CheckConstraint(
            "state NOT IN ('TYPED','SAME','DIFFERENT','MISREAD') OR typed_at IS NOT NULL",
            name=op.f("ck_blind_check_typed_by_somebody"),
        ),
        sa.CheckConstraint(
            "state <> 'MISREAD' OR COALESCE(reason, '') <> ''", name=op.f("ck_blind_check_misread_in_words")
        ),
        sa.ForeignKeyConstraint(["blind_draw_id"], ["blind_draw.id"], name=op.f("fk_blind_check_blind_draw_id")),
        sa.ForeignKeyConstraint(["enrollment_id"], ["enrollment.id"], name=op.f("fk_blind_check_enrollment_id")),
        sa.ForeignKeyConstraint(["score_sheet_id"], ["score_sheet.id"], name=op.f("fk_blind_check_score_sheet_id")),
        sa.ForeignKeyConstraint(["typed_by"], ["account.id"], name=op.f("fk_blind_check_typed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blind_check")),
        sa.UniqueConstraint(
            "score_sheet_id",
            "enrollment_id",
            "column_key",
            "cell_version",
            name=op.f("uq_blind_check_one_a_version"),
        ),
    )
    op.create_index(op.f("ix_blind_check_score_sheet_id"), "blind_check", ["score_sheet_id"], unique=False)
    op.create_table(
        "blind_checker",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("score_sheet_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("named_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("named_by", sa.Integer(), nullable=True),
        sa.Column("named_by_name", sa.String(length=120), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["named_by"], ["account.id"], name=op.f("fk_blind_checker_named_by")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_blind_checker_person_id")),
        sa.ForeignKeyConstraint(["score_sheet_id"], ["score_sheet.id"], name=op.f("fk_blind_checker_score_sheet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blind_checker")),
        sa.UniqueConstraint("score_sheet_id", name=op.f("uq_blind_checker_score_sheet_id")),
    )


def downgrade():
    # The log keeps what these rows say: without them each would be told as lost. Nothing is dropped that somebody wrote.
    if not op.get_context().as_sql:
        n_rows = op.get_bind().execute(sa.text("SELECT count(*) FROM blind_draw")).scalar()
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} dòng lần rút ô đối chiếu bài gốc sẽ mất mà nhật ký vẫn ghi. Xin phục hồi một bản sao lưu của bản cũ."
            )
    op.drop_table("blind_checker")
    op.drop_table("blind_check")
    op.drop_table("blind_draw")
