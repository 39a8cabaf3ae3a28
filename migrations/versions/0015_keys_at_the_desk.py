"""a key may lie on a token at the signer's own computer

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_KINDS = {
    "known_key_kind": (
        "key_kind IN ('software','pkcs11','remote','none')",
        "key_kind IN ('software','pkcs11','remote','desk','none')",
    ),
    "keys_elsewhere_have_a_place": (
        "(key_kind IN ('pkcs11','remote')) = (key_place IS NOT NULL)",
        "(key_kind IN ('pkcs11','remote','desk')) = (key_place IS NOT NULL)",
    ),
}


def _set(which):
    with op.batch_alter_table("certificate", schema=None) as batch_op:
        for name, rules in _KINDS.items():
            batch_op.drop_constraint(batch_op.f(f"ck_certificate_{name}"), type_="check")
            batch_op.create_check_constraint(batch_op.f(f"ck_certificate_{name}"), rules[which])


def upgrade():
    _set(1)


def downgrade():
    # The log keeps what these rows say: without them each would be told as lost. Nothing is dropped that somebody wrote.
    if not op.get_context().as_sql:
        n_rows = op.get_bind().execute(sa.text("SELECT count(*) FROM certificate WHERE key_kind = 'desk'")).scalar()
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} chứng thư có khoá ở máy của người ký sẽ mất chỗ mà nhật ký vẫn ghi. Xin phục hồi một bản sao lưu của bản cũ."
            )
    _set(0)
