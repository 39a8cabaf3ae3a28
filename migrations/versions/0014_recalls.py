"""requests to recall issued records and the signed lists of them for the authority; rehearsals of signing

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "recall_list",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("school_year_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("content_digest", sa.String(length=64), nullable=False),
        sa.Column("xml_digest", sa.String(length=64), nullable=False),
        sa.Column("pdf_digest", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Integer(), nullable=True),
        sa.Column("maker_name", sa.String(length=120), nullable=False),
        sa.Column("principal_name", sa.String(length=200), nullable=False),
        sa.Column("principal_certificate_id", sa.Integer(), nullable=True),
        sa.Column("principal_signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seal_certificate_id", sa.Integer(), nullable=True),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_note", sa.String(length=300), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer_note", sa.String(length=300), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(state = 'ANSWERED') = (answered_at IS NOT NULL)", name=op.f("ck_recall_list_answered_has_its_day")
        ),
        sa.CheckConstraint(
            "state IN ('MADE','PRINCIPAL_SIGNED','SEALED','SENT','ANSWERED')", name=op.f("ck_recall_list_known_state")
        ),
        sa.CheckConstraint(
            "(state IN ('SENT','ANSWERED')) = (sent_at IS NOT NULL)", name=op.f("ck_recall_list_sent_has_its_day")
        ),
        sa.ForeignKeyConstraint(["school_year_id"], ["school_year.id"], name=op.f("fk_recall_list_school_year_id")),
        sa.ForeignKeyConstraint(["xml_digest"], ["stored_document.digest"], name=op.f("fk_recall_list_xml_digest")),
        sa.ForeignKeyConstraint(["pdf_digest"], ["stored_document.digest"], name=op.f("fk_recall_list_pdf_digest")),
        sa.ForeignKeyConstraint(["made_by"], ["account.id"], name=op.f("fk_recall_list_made_by")),
        sa.ForeignKeyConstraint(
            ["principal_certificate_id"], ["certificate.id"], name=op.f("fk_recall_list_principal_certificate_id")
        ),
        sa.ForeignKeyConstraint(
            ["seal_certificate_id"], ["certificate.id"], name=op.f("fk_recall_list_seal_certificate_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recall_list")),
        sa.UniqueConstraint("school_year_id", "number", name=op.f("uq_recall_list_school_year_id_number")),
    )
    op.create_table(
        "recall_request",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("transcript_record_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("from_state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("paper", sa.String(length=300), nullable=True),
        sa.Column("needs_authority", sa.Boolean(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=True),
        sa.Column("asker_name", sa.String(length=120), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("decider_name", sa.String(length=120), nullable=True),
        sa.Column("decision_note", sa.String(length=1000), nullable=True),
        sa.Column("recalled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recall_list_id", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state IN ('ASKED','APPROVED','RECALLED','REFUSED','WITHDRAWN')", name=op.f("ck_recall_request_known_state")
        ),
        sa.CheckConstraint(
            "(state = 'RECALLED') = (recalled_at IS NOT NULL)", name=op.f("ck_recall_request_recalled_has_its_day")
        ),
        sa.CheckConstraint(
            "state NOT IN ('APPROVED','RECALLED') OR (decided_at IS NOT NULL AND decider_name IS NOT NULL)",
            name=op.f("ck_recall_request_approved_by_somebody"),
        ),
        sa.ForeignKeyConstraint(
            ["transcript_record_id"], ["transcript_record.id"], name=op.f("fk_recall_request_transcript_record_id")
        ),
        sa.ForeignKeyConstraint(["asked_by"], ["account.id"], name=op.f("fk_recall_request_asked_by")),
        sa.ForeignKeyConstraint(["decided_by"], ["account.id"], name=op.f("fk_recall_request_decided_by")),
        sa.ForeignKeyConstraint(["recall_list_id"], ["recall_list.id"], name=op.f("fk_recall_request_recall_list_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recall_request")),
    )
    with op.batch_alter_table("recall_request", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_recall_request_transcript_record_id"), ["transcript_record_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_recall_request_recall_list_id"), ["recall_list_id"], unique=False)
        batch_op.create_index(
            "uq_recall_request_open",
            ["transcript_record_id"],
            unique=True,
            sqlite_where=sa.text("state IN ('ASKED','APPROVED')"),
            postgresql_where=sa.text("state IN ('ASKED','APPROVED')"),
        )
    op.create_table(
        "rehearsal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("school_year_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("actor_name", sa.String(length=120), nullable=False),
        sa.Column("runner", sa.String(length=120), nullable=True),
        sa.Column("n_classes", sa.Integer(), nullable=False),
        sa.Column("n_done", sa.Integer(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('RUNNING','DONE')", name=op.f("ck_rehearsal_known_state")),
        sa.ForeignKeyConstraint(["school_year_id"], ["school_year.id"], name=op.f("fk_rehearsal_school_year_id")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_rehearsal_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rehearsal")),
    )
    with op.batch_alter_table("rehearsal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rehearsal_school_year_id"), ["school_year_id"], unique=False)


def downgrade():
    # The log keeps what these rows say: without them each would be told as lost. Nothing is dropped that somebody wrote.
    if not op.get_context().as_sql:
        n_rows = op.get_bind().execute(sa.text("SELECT count(*) FROM recall_request")).scalar()
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} đề nghị thu hồi học bạ sẽ mất mà nhật ký vẫn ghi. Xin phục hồi một bản sao lưu của bản cũ."
            )
    op.drop_table("rehearsal")
    op.drop_table("recall_request")
    op.drop_table("recall_list")
