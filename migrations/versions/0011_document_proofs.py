"""files of sealed records that carry a document time stamp

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "document_proof",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("transcript_record_id", sa.Integer(), nullable=False),
        sa.Column("pdf_digest", sa.String(length=64), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("stamped_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["pdf_digest"], ["stored_document.digest"], name=op.f("fk_document_proof_pdf_digest")),
        sa.ForeignKeyConstraint(
            ["transcript_record_id"], ["transcript_record.id"], name=op.f("fk_document_proof_transcript_record_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_proof")),
        sa.UniqueConstraint("pdf_digest", name=op.f("uq_document_proof_pdf_digest")),
        sa.UniqueConstraint(
            "transcript_record_id", "stamped_at", name=op.f("uq_document_proof_transcript_record_id_stamped_at")
        ),
    )
    with op.batch_alter_table("document_proof", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_document_proof_transcript_record_id"), ["transcript_record_id"], unique=False
        )


def downgrade():
    # The log keeps what these rows say: without them each would be told as lost. Nothing is dropped that somebody wrote.
    if not op.get_context().as_sql:
        n_rows = op.get_bind().execute(sa.text("SELECT count(*) FROM document_proof")).scalar()
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} tệp học bạ có dấu thời gian sẽ mất mà nhật ký vẫn ghi. Xin phục hồi một bản sao lưu của bản cũ."
            )
    op.drop_table("document_proof")
