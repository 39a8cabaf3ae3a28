"""The summer: what is to be re-assessed or trained, from its registration to the principal's approval

Revision ID: 0021
Revises: 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_CONDUCT = sa.text("subject_id IS NULL")
_CHECKS = {
    "known_state": "state IN ('REGISTERED','DECLINED','TYPED','RETURNED','APPROVED')",
    "known_outcome": "outcome IS NULL OR outcome IN ('result','absent','declined')",
    "a_result_has_one_value": (
        "CASE WHEN tenths IS NULL THEN 0 ELSE 1 END + CASE WHEN mark IS NULL THEN 0 ELSE 1 END"
        " + CASE WHEN conduct IS NULL THEN 0 ELSE 1 END = CASE WHEN outcome = 'result' THEN 1 ELSE 0 END"
    ),
    "tenths_0_to_100": "tenths IS NULL OR tenths BETWEEN 0 AND 100",
    "mark_pass_or_fail": "mark IS NULL OR mark IN ('Đ','CĐ')",
    "known_conduct": "conduct IS NULL OR conduct IN ('T','K','Đ','CĐ')",
    "conduct_is_no_subject": "(conduct IS NULL) OR (subject_id IS NULL)",
    "settled_says_how": "state NOT IN ('TYPED','DECLINED','APPROVED') OR outcome IS NOT NULL",
    "approved_by_somebody": "state <> 'APPROVED' OR decided_at IS NOT NULL",
}


def _refuse_rows(why: str) -> None:
    if op.get_context().as_sql:
        return
    n_rows = op.get_bind().execute(sa.select(sa.func.count()).select_from(sa.table("summer_result"))).scalar() or 0
    if n_rows:
        raise RuntimeError(
            f"{n_rows} dòng kết quả trong hè {why} Xin phục hồi một bản sao lưu hoặc hỏi nhóm phát triển."
        )


def upgrade() -> None:
    # Nothing wrote this table before: a row in it was put there by other hands, and no entry would tell of its state.
    _refuse_rows("có sẵn mà phần mềm chưa từng ghi bảng này.")
    with op.batch_alter_table("summer_result") as table:
        table.add_column(sa.Column("state", sa.String(length=12), nullable=False))
        table.add_column(sa.Column("outcome", sa.String(length=10), nullable=True))
        table.add_column(sa.Column("task", sa.String(length=500), nullable=True))
        table.add_column(sa.Column("document", sa.String(length=200), nullable=True))
        table.add_column(sa.Column("registrar_name", sa.String(length=120), nullable=True))
        table.add_column(sa.Column("typed_by", sa.Integer(), nullable=True))
        table.add_column(sa.Column("typist_name", sa.String(length=120), nullable=True))
        table.add_column(sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("decided_by", sa.Integer(), nullable=True))
        table.add_column(sa.Column("decider_name", sa.String(length=120), nullable=True))
        table.add_column(sa.Column("note", sa.String(length=500), nullable=True))
        table.create_foreign_key(op.f("fk_summer_result_typed_by"), "account", ["typed_by"], ["id"])
        table.create_foreign_key(op.f("fk_summer_result_decided_by"), "account", ["decided_by"], ["id"])
        for name, rule in _CHECKS.items():
            table.create_check_constraint(op.f(f"ck_summer_result_{name}"), rule)
        table.create_index(
            "uq_summer_result_conduct",
            ["enrollment_id"],
            unique=True,
            sqlite_where=_CONDUCT,
            postgresql_where=_CONDUCT,
        )


def downgrade() -> None:
    _refuse_rows("sẽ mất mà nhật ký vẫn ghi.")
    with op.batch_alter_table("summer_result") as table:
        table.drop_index("uq_summer_result_conduct")
        for name in _CHECKS:
            table.drop_constraint(op.f(f"ck_summer_result_{name}"), type_="check")
        table.drop_constraint(op.f("fk_summer_result_decided_by"), type_="foreignkey")
        table.drop_constraint(op.f("fk_summer_result_typed_by"), type_="foreignkey")
        for name in (
            "note",
            "decider_name",
            "decided_by",
            "decided_at",
            "typist_name",
            "typed_by",
            "registrar_name",
            "document",
            "task",
            "outcome",
            "state",
        ):
            table.drop_column(name)
