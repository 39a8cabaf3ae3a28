"""requests to correct what is locked or printed: their values, evidence and steps

Revision ID: 0017
Revises: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

OPEN = "state IN ('ASKED','CONFIRMED','RETURNED')"


def upgrade() -> None:
    op.create_table(
        "correction_request",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("enrollment_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("paper", sa.String(length=300), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=True),
        sa.Column("asker_name", sa.String(length=120), nullable=False),
        sa.Column("asked_by_principal", sa.Boolean(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by", sa.Integer(), nullable=True),
        sa.Column("confirmer_name", sa.String(length=120), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("decider_name", sa.String(length=120), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("frozen_result_id", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('score','homeroom','civil_status')", name=op.f("ck_correction_request_known_kind")
        ),
        sa.CheckConstraint(
            "state IN ('ASKED','CONFIRMED','RETURNED','APPLIED','REFUSED','WITHDRAWN')",
            name=op.f("ck_correction_request_known_state"),
        ),
        sa.CheckConstraint(
            "kind <> 'civil_status' OR paper IS NOT NULL",
            name=op.f("ck_correction_request_civil_status_has_its_decision"),
        ),
        sa.CheckConstraint(
            "state <> 'APPLIED' OR (decided_at IS NOT NULL AND decider_name IS NOT NULL AND outcome IS NOT NULL)",
            name=op.f("ck_correction_request_applied_by_somebody"),
        ),
        sa.CheckConstraint(
            "decided_by IS NULL OR asked_by IS NULL OR decided_by <> asked_by",
            name=op.f("ck_correction_request_nobody_decides_the_own_request"),
        ),
        sa.CheckConstraint(
            "confirmed_by IS NULL OR asked_by IS NULL OR confirmed_by <> asked_by",
            name=op.f("ck_correction_request_nobody_confirms_the_own_request"),
        ),
        sa.ForeignKeyConstraint(["enrollment_id"], ["enrollment.id"], name=op.f("fk_correction_request_enrollment_id")),
        sa.ForeignKeyConstraint(["asked_by"], ["account.id"], name=op.f("fk_correction_request_asked_by")),
        sa.ForeignKeyConstraint(["confirmed_by"], ["account.id"], name=op.f("fk_correction_request_confirmed_by")),
        sa.ForeignKeyConstraint(["decided_by"], ["account.id"], name=op.f("fk_correction_request_decided_by")),
        sa.ForeignKeyConstraint(
            ["frozen_result_id"], ["frozen_result.id"], name=op.f("fk_correction_request_frozen_result_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction_request")),
    )
    with op.batch_alter_table("correction_request") as table:
        table.create_index(op.f("ix_correction_request_enrollment_id"), ["enrollment_id"], unique=False)
        table.create_index(
            "ix_correction_request_open",
            ["enrollment_id"],
            unique=False,
            sqlite_where=sa.text(OPEN),
            postgresql_where=sa.text(OPEN),
        )
    op.create_table(
        "correction_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("correction_request_id", sa.Integer(), nullable=False),
        sa.Column("score_sheet_id", sa.Integer(), nullable=True),
        sa.Column("column_key", sa.String(length=3), nullable=True),
        sa.Column("field", sa.String(length=30), nullable=True),
        sa.Column("seen_version", sa.Integer(), nullable=False),
        sa.Column("old_tenths", sa.SmallInteger(), nullable=True),
        sa.Column("old_mark", sa.String(length=2), nullable=True),
        sa.Column("old_remark", sa.String(length=1000), nullable=True),
        sa.Column("old_origin", sa.String(length=20), nullable=True),
        sa.Column("new_tenths", sa.SmallInteger(), nullable=True),
        sa.Column("new_mark", sa.String(length=2), nullable=True),
        sa.Column("new_remark", sa.String(length=1000), nullable=True),
        sa.Column("new_origin", sa.String(length=20), nullable=True),
        sa.Column("old_text", sa.String(length=2000), nullable=True),
        sa.Column("new_text", sa.String(length=2000), nullable=True),
        sa.CheckConstraint(
            "(score_sheet_id IS NULL) = (column_key IS NULL) AND (score_sheet_id IS NULL) <> (field IS NULL)",
            name=op.f("ck_correction_item_a_cell_or_a_field"),
        ),
        sa.CheckConstraint("new_mark IS NULL OR new_mark IN ('Đ','CĐ')", name=op.f("ck_correction_item_known_mark")),
        sa.CheckConstraint(
            "field IS NOT NULL OR new_tenths IS NOT NULL OR new_mark IS NOT NULL OR new_remark IS NOT NULL",
            name=op.f("ck_correction_item_a_cell_is_never_emptied"),
        ),
        sa.ForeignKeyConstraint(
            ["correction_request_id"], ["correction_request.id"], name=op.f("fk_correction_item_correction_request_id")
        ),
        sa.ForeignKeyConstraint(["score_sheet_id"], ["score_sheet.id"], name=op.f("fk_correction_item_score_sheet_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction_item")),
        sa.UniqueConstraint("correction_request_id", "score_sheet_id", "column_key", name="uq_correction_item_cell"),
        sa.UniqueConstraint(
            "correction_request_id", "field", name=op.f("uq_correction_item_correction_request_id_field")
        ),
    )
    op.create_table(
        "correction_evidence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("correction_request_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("file_name", sa.String(length=120), nullable=False),
        sa.Column("media_type", sa.String(length=60), nullable=False),
        sa.Column("n_bytes", sa.Integer(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["correction_request_id"],
            ["correction_request.id"],
            name=op.f("fk_correction_evidence_correction_request_id"),
        ),
        sa.ForeignKeyConstraint(["digest"], ["stored_document.digest"], name=op.f("fk_correction_evidence_digest")),
        sa.ForeignKeyConstraint(["added_by"], ["account.id"], name=op.f("fk_correction_evidence_added_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction_evidence")),
        sa.UniqueConstraint(
            "correction_request_id", "digest", name=op.f("uq_correction_evidence_correction_request_id_digest")
        ),
    )
    op.create_table(
        "correction_step",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("correction_request_id", sa.Integer(), nullable=False),
        sa.Column("verb", sa.String(length=12), nullable=False),
        sa.Column("from_state", sa.String(length=10), nullable=True),
        sa.Column("to_state", sa.String(length=10), nullable=False),
        sa.Column("note", sa.String(length=1000), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_account_id", sa.Integer(), nullable=True),
        sa.Column("by_name", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(
            ["correction_request_id"], ["correction_request.id"], name=op.f("fk_correction_step_correction_request_id")
        ),
        sa.ForeignKeyConstraint(["by_account_id"], ["account.id"], name=op.f("fk_correction_step_by_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction_step")),
    )
    for name in ("correction_item", "correction_evidence", "correction_step"):
        with op.batch_alter_table(name) as table:
            table.create_index(op.f(f"ix_{name}_correction_request_id"), ["correction_request_id"], unique=False)


def downgrade() -> None:
    # The log keeps what these rows say: without them each would be told as lost. Nothing is dropped that somebody wrote.
    if not op.get_context().as_sql:
        n_rows = op.get_bind().execute(sa.text("SELECT count(*) FROM correction_request")).scalar()
        if n_rows:
            raise RuntimeError(
                f"Không lùi được: {n_rows} đề nghị sửa chữa sẽ mất mà nhật ký vẫn ghi. Xin phục hồi một bản sao lưu của bản cũ."
            )
    for name in ("correction_step", "correction_evidence", "correction_item", "correction_request"):
        op.drop_table(name)
