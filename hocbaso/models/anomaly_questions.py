"""What a score sheet was asked before it was handed in, and what its teacher answered."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hocbaso.db import Base, UtcDateTime


class AnomalyQuestion(Base):
    """One question about one sheet. ``key`` is made of the cells it rests on, so an answer holds while they stand.

    ``words`` and ``cells`` are as they were asked: the group head reads them later, whatever the rules say by then.
    ``outcome``: ``explained`` with a reason of the teacher, or ``fixed`` when the cells were changed.
    """

    __tablename__ = "anomaly_question"
    __table_args__ = (
        UniqueConstraint("score_sheet_id", "key"),
        CheckConstraint("outcome IS NULL OR outcome IN ('explained','fixed')", name="known_outcome"),
        CheckConstraint("(outcome IS NULL) = (answered_at IS NULL)", name="answered_when_it_has_an_outcome"),
        # COALESCE: a comparison with NULL is NULL, and a CHECK lets NULL pass.
        CheckConstraint(
            "COALESCE(outcome, '') <> 'explained' OR COALESCE(reason, '') <> ''", name="explained_in_words"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    score_sheet_id: Mapped[int] = mapped_column(ForeignKey("score_sheet.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    key: Mapped[str] = mapped_column(String(40))
    words: Mapped[str] = mapped_column(String(4000))
    cells: Mapped[str] = mapped_column(String(8000))
    """``<enrolment id>-<column>`` of each cell, blanks between, the sheet's order."""
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    outcome: Mapped[str | None] = mapped_column(String(10))
    reason: Mapped[str | None] = mapped_column(String(500))
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    by_account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    by_name: Mapped[str | None] = mapped_column(String(120))
    version: Mapped[int] = mapped_column(default=1)
