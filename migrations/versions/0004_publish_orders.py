"""the principal's order to publish, in the signature

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade():
    # A signature from before orders carries none: the column is filled once and keeps no default of the database's.
    with op.batch_alter_table("transcript_signature", schema=None) as batch_op:
        batch_op.add_column(sa.Column("publish_on_seal", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("transcript_signature", schema=None) as batch_op:
        batch_op.alter_column(
            "publish_on_seal", server_default=None, existing_type=sa.Boolean(), existing_nullable=False
        )
        batch_op.create_check_constraint("order_by_principal", "NOT publish_on_seal OR role = 'principal'")


def downgrade():
    # The log keeps what these rows say: without them each would be told as lost. Nothing is dropped that somebody wrote.
    if not op.get_context().as_sql:
        n_rows = (
            op.get_bind().execute(sa.text("SELECT count(*) FROM transcript_signature WHERE publish_on_seal")).scalar()
        )
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} dòng lệnh công bố khi đóng dấu sẽ mất mà nhật ký vẫn ghi. Xin phục hồi một bản sao lưu của bản cũ."
            )
    with op.batch_alter_table("transcript_signature", schema=None) as batch_op:
        batch_op.drop_constraint("order_by_principal", type_="check")
        batch_op.drop_column("publish_on_seal")
