"""the instance's key, what the seal says of it, what a record's QR says, and whose root is trusted

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_ROOT_CHECKS = {
    "known_kind": "kind IN ('national','government','other','test')",
    "test_roots_are_called_so": "is_test = (kind = 'test')",
}


def upgrade():
    op.create_table(
        "instance_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdraw_reason", sa.String(length=300), nullable=True),
        sa.CheckConstraint(
            "(withdrawn_at IS NULL) = (withdraw_reason IS NULL)", name=op.f("ck_instance_key_withdrawn_for_a_reason")
        ),
        sa.CheckConstraint(
            "withdrawn_at IS NULL OR retired_at IS NOT NULL", name=op.f("ck_instance_key_a_withdrawn_one_is_retired")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instance_key")),
        sa.UniqueConstraint("key_id", name=op.f("uq_instance_key_key_id")),
    )
    op.create_table(
        "instance_key_statement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance_key_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("certificate_id", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('statement','withdrawal')", name=op.f("ck_instance_key_statement_known_kind")),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificate.id"], name=op.f("fk_instance_key_statement_certificate_id")
        ),
        sa.ForeignKeyConstraint(
            ["instance_key_id"], ["instance_key.id"], name=op.f("fk_instance_key_statement_instance_key_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instance_key_statement")),
        sa.UniqueConstraint(
            "instance_key_id",
            "kind",
            "certificate_id",
            name=op.f("uq_instance_key_statement_instance_key_id_kind_certificate_id"),
        ),
    )
    with op.batch_alter_table("transcript_record", schema=None) as batch_op:
        batch_op.add_column(sa.Column("qr_text", sa.Text(), nullable=True))
    with op.batch_alter_table("trust_root", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(length=12), nullable=True))
    op.execute("UPDATE trust_root SET kind = CASE WHEN is_test THEN 'test' ELSE 'other' END")
    with op.batch_alter_table("trust_root", schema=None) as batch_op:
        batch_op.alter_column("kind", existing_type=sa.String(length=12), nullable=False)
        for name, rule in _ROOT_CHECKS.items():
            batch_op.create_check_constraint(batch_op.f(f"ck_trust_root_{name}"), rule)


def downgrade():
    # The log keeps what these rows say: without them each would be told as lost. Nothing is dropped that somebody wrote.
    if not op.get_context().as_sql:
        bind = op.get_bind()
        n_rows = sum(
            bind.execute(sa.text(query)).scalar()
            for query in (
                "SELECT count(*) FROM instance_key",
                "SELECT count(*) FROM transcript_record WHERE qr_text IS NOT NULL",
                "SELECT count(*) FROM trust_root WHERE kind IN ('national','government')",
            )
        )
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} dòng về khoá của máy, mã QR của học bạ hoặc loại chứng thư gốc sẽ mất mà nhật ký vẫn ghi. Xin phục hồi một bản sao lưu của bản cũ."
            )
    with op.batch_alter_table("trust_root", schema=None) as batch_op:
        for name in _ROOT_CHECKS:
            batch_op.drop_constraint(batch_op.f(f"ck_trust_root_{name}"), type_="check")
        batch_op.drop_column("kind")
    with op.batch_alter_table("transcript_record", schema=None) as batch_op:
        batch_op.drop_column("qr_text")
    op.drop_table("instance_key_statement")
    op.drop_table("instance_key")
