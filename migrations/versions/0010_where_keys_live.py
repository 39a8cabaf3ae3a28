"""where the key of a certificate lives, for which signatures it is bound, and what the authority said of it

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_CHECKS = {
    "known_bound_roles": "bound_roles IN ('homeroom','principal','homeroom principal','seal')",
    "only_the_seal_seals": "(purpose = 'seal') = (bound_roles = 'seal')",
    "known_approval": "approval IN ('unsent','sent','approved','refused')",
    "approval_has_its_day": "approval = 'unsent' OR approval_at IS NOT NULL",
    "revoked_for_a_reason": "(revoked_at IS NULL) = (revoke_reason IS NULL)",
    "a_revoked_one_is_retired": "revoked_at IS NULL OR retired_at IS NOT NULL",
    "envelopes_hold_software_keys": "key_envelope IS NULL OR key_kind = 'software'",
    "keys_elsewhere_have_a_place": "(key_kind IN ('pkcs11','remote')) = (key_place IS NOT NULL)",
}


def upgrade():
    with op.batch_alter_table("certificate", schema=None) as batch_op:
        batch_op.add_column(sa.Column("key_place", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("bound_roles", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("approval", sa.String(length=10), nullable=True))
        batch_op.add_column(sa.Column("approval_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("approval_note", sa.String(length=300), nullable=True))
        batch_op.add_column(sa.Column("renewal_asked_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("renewal_note", sa.String(length=300), nullable=True))
        batch_op.add_column(sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("revoke_reason", sa.String(length=300), nullable=True))
    # A certificate of a person was good for both signatures of a person until now.
    op.execute("UPDATE certificate SET approval = 'unsent', bound_roles = 'seal' WHERE purpose = 'seal'")
    op.execute("UPDATE certificate SET approval = 'unsent', bound_roles = 'homeroom principal' WHERE purpose <> 'seal'")
    with op.batch_alter_table("certificate", schema=None) as batch_op:
        batch_op.alter_column("bound_roles", existing_type=sa.String(length=20), nullable=False)
        batch_op.alter_column("approval", existing_type=sa.String(length=10), nullable=False)
        for name, rule in _CHECKS.items():
            batch_op.create_check_constraint(batch_op.f(f"ck_certificate_{name}"), rule)


def downgrade():
    # The log keeps what these rows say: without them each would be told as lost. Nothing is dropped that somebody wrote.
    if not op.get_context().as_sql:
        n_rows = (
            op.get_bind()
            .execute(
                sa.text(
                    "SELECT count(*) FROM certificate WHERE key_place IS NOT NULL OR approval <> 'unsent' "
                    "OR renewal_asked_at IS NOT NULL OR revoked_at IS NOT NULL "
                    "OR bound_roles NOT IN ('homeroom principal','seal')"
                )
            )
            .scalar()
        )
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} dòng chứng thư số có nơi giữ khoá, vai trò hoặc phê duyệt sẽ mất mà nhật ký vẫn ghi. Xin phục hồi một bản sao lưu của bản cũ."
            )
    with op.batch_alter_table("certificate", schema=None) as batch_op:
        for name in _CHECKS:
            batch_op.drop_constraint(batch_op.f(f"ck_certificate_{name}"), type_="check")
        for name in (
            "key_place",
            "bound_roles",
            "approval",
            "approval_at",
            "approval_note",
            "renewal_asked_at",
            "renewal_note",
            "revoked_at",
            "revoke_reason",
        ):
            batch_op.drop_column(name)
