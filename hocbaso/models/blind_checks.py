"""Đối chiếu bài gốc: the draws of a sheet, the drawn results typed again from the papers, and who types them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hocbaso.db import Base, ScoreTenths, UtcDateTime


class BlindDraw(Base):
    """One draw, made when a sheet is handed in. With ``seed``, ``percent`` and ``cells`` anybody can repeat it.

    ``cells``: what could be drawn, ``<enrolment id>-<column>:<version>`` with blanks between. A version that stood in
    one draw is not drawn from again, so handing in twice changes nobody's luck.
    """

    __tablename__ = "blind_draw"
    __table_args__ = (CheckConstraint("percent BETWEEN 1 AND 100", name="a_share"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    score_sheet_id: Mapped[int] = mapped_column(ForeignKey("score_sheet.id"), index=True)
    seed: Mapped[str] = mapped_column(String(64))
    percent: Mapped[int]
    cells: Mapped[str] = mapped_column(String(8000))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class BlindCheck(Base):
    """One drawn result in one version of its cell. The first value is not copied here: it is that version's.

    ``second_tenths``, ``second_mark`` or ``no_paper``: what the second person typed; kept as typed, whatever came of it.
    """

    __tablename__ = "blind_check"
    __table_args__ = (
        UniqueConstraint(
            "score_sheet_id", "enrollment_id", "column_key", "cell_version", name="uq_blind_check_one_a_version"
        ),
        CheckConstraint("column_key IN ('GK','CK')", name="midterm_or_final"),
        CheckConstraint("state IN ('WAITING','TYPED','SAME','DIFFERENT','MISREAD','VOID')", name="known_state"),
        CheckConstraint("second_tenths IS NULL OR second_tenths BETWEEN 0 AND 100", name="score_from_0_to_10"),
        CheckConstraint("second_mark IS NULL OR second_mark IN ('Đ','CĐ')", name="known_mark"),
        CheckConstraint(
            "state NOT IN ('TYPED','SAME','DIFFERENT','MISREAD') OR typed_at IS NOT NULL", name="typed_by_somebody"
        ),
        # COALESCE: a comparison with NULL is NULL, and a CHECK lets NULL pass.
        CheckConstraint("state <> 'MISREAD' OR COALESCE(reason, '') <> ''", name="misread_in_words"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    blind_draw_id: Mapped[int] = mapped_column(ForeignKey("blind_draw.id"))
    score_sheet_id: Mapped[int] = mapped_column(ForeignKey("score_sheet.id"), index=True)
    enrollment_id: Mapped[int] = mapped_column(ForeignKey("enrollment.id"))
    column_key: Mapped[str] = mapped_column(String(3))
    cell_version: Mapped[int]
    state: Mapped[str] = mapped_column(String(10), default="WAITING")
    second_tenths: Mapped[int | None] = mapped_column(ScoreTenths)
    second_mark: Mapped[str | None] = mapped_column(String(2))
    no_paper: Mapped[bool] = mapped_column(default=False)
    typed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    typed_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    typed_name: Mapped[str | None] = mapped_column(String(120))
    reason: Mapped[str | None] = mapped_column(String(500))
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    settled_name: Mapped[str | None] = mapped_column(String(120))
    version: Mapped[int] = mapped_column(default=1)


class BlindChecker(Base):
    """Whom the group head or the principal named to type from the papers in the head's place; one a sheet."""

    __tablename__ = "blind_checker"
    __table_args__ = (UniqueConstraint("score_sheet_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    score_sheet_id: Mapped[int] = mapped_column(ForeignKey("score_sheet.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    named_at: Mapped[datetime] = mapped_column(UtcDateTime)
    named_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    named_by_name: Mapped[str] = mapped_column(String(120))
    version: Mapped[int] = mapped_column(default=1)
