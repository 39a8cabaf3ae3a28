"""Snapshots that hold the results and states themselves, and a log that the database refuses to change

Revision ID: 0020
Revises: 0019
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_SQLITE = tuple(
    f"CREATE TRIGGER audit_entry_no_{verb} BEFORE {verb.upper()} ON audit_entry"
    " BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only'); END"
    for verb in ("update", "delete")
)
_POSTGRESQL = (
    "CREATE FUNCTION audit_entry_refuse() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION 'audit_entry is append-only'; END $$",
    "CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry"
    " FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_refuse()",
)


def upgrade() -> None:
    # Plain ADD COLUMN: SQLite does these without making the table anew.
    op.add_column("audit_snapshot", sa.Column("occasion", sa.String(length=120), nullable=True))
    op.add_column("audit_snapshot", sa.Column("n_lines", sa.Integer(), nullable=True))
    op.add_column("audit_snapshot", sa.Column("data_root", sa.String(length=64), nullable=True))
    op.add_column("audit_snapshot", sa.Column("data_digest", sa.String(length=64), nullable=True))
    for statement in _SQLITE if op.get_context().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    if op.get_context().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(f"DROP TRIGGER IF EXISTS audit_entry_no_{verb}")
    else:
        op.execute("DROP TRIGGER IF EXISTS audit_entry_append_only ON audit_entry")
        op.execute("DROP FUNCTION IF EXISTS audit_entry_refuse")
    with op.batch_alter_table("audit_snapshot") as table:
        for name in ("data_digest", "data_root", "n_lines", "occasion"):
            table.drop_column(name)
