"""Requests to correct a result of the summer that was approved

Revision ID: 0027
Revises: 0026
"""

from __future__ import annotations

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_NAME = "ck_correction_request_known_kind"
_BEFORE = "kind IN ('score','homeroom','civil_status')"
_AFTER = "kind IN ('score','homeroom','summer','civil_status')"


def upgrade() -> None:
    _known(_AFTER)


def downgrade() -> None:
    _known(_BEFORE)


def _known(rule: str) -> None:
    with op.batch_alter_table("correction_request") as table:
        table.drop_constraint(op.f(_NAME), type_="check")
        table.create_check_constraint(op.f(_NAME), rule)
