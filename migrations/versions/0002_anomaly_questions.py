"""questions that a score sheet is asked before it is handed in

Revision ID: 0002
Revises: 0001

"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "anomaly_question",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("score_sheet_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("words", sa.String(length=4000), nullable=False),
        sa.Column("cells", sa.String(length=8000), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("by_account_id", sa.Integer(), nullable=True),
        sa.Column("by_name", sa.String(length=120), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "outcome IS NULL OR outcome IN ('explained','fixed')", name=op.f("ck_anomaly_question_known_outcome")
        ),
        sa.CheckConstraint(
            "(outcome IS NULL) = (answered_at IS NULL)",
            name=op.f("ck_anomaly_question_answered_when_it_has_an_outcome"),
        ),
        sa.CheckConstraint(
            "COALESCE(outcome, '') <> 'explained' OR COALESCE(reason, '') <> ''",
            name=op.f("ck_anomaly_question_explained_in_words"),
        ),
        sa.ForeignKeyConstraint(["by_account_id"], ["account.id"], name=op.f("fk_anomaly_question_by_account_id")),
        sa.ForeignKeyConstraint(
            ["score_sheet_id"], ["score_sheet.id"], name=op.f("fk_anomaly_question_score_sheet_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_anomaly_question")),
        sa.UniqueConstraint("score_sheet_id", "key", name=op.f("uq_anomaly_question_score_sheet_id_key")),
    )
    with op.batch_alter_table("anomaly_question", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_anomaly_question_score_sheet_id"), ["score_sheet_id"], unique=False)


def downgrade():
    # The log keeps what these rows say: without them each would be told as lost. Nothing is dropped that somebody wrote.
    if not op.get_context().as_sql:
        n_rows = op.get_bind().execute(sa.text("SELECT count(*) FROM anomaly_question")).scalar()
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} dòng câu hỏi và câu trả lời trước khi nộp sẽ mất mà nhật ký vẫn ghi. Xin phục hồi một bản sao lưu của bản cũ."
            )
    with op.batch_alter_table("anomaly_question", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_anomaly_question_score_sheet_id"))

    op.drop_table("anomaly_question")
