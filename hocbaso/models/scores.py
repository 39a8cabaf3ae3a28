"""Score sheets, their cells, and every version each cell has had."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hocbaso.db import Base, ScoreTenths, UtcDateTime
from hocbaso.models.school import ClassSubject

COLUMN_KEYS = ("TX1", "TX2", "TX3", "TX4", "GK", "CK", "NX")
"""Stored names of the columns: regular assessments 1 to 4, midterm, final, remark."""


class ScoreSheet(Base):
    """Class x subject x semester. ``content_version`` grows with every cell written, ``version`` with every move."""

    __tablename__ = "score_sheet"
    __table_args__ = (
        UniqueConstraint("class_subject_id", "semester"),
        CheckConstraint("semester IN (1,2)", name="semester_one_or_two"),
        CheckConstraint("state IN ('DRAFT','SUBMITTED','RETURNED','REVIEWED','APPROVED','LOCKED')", name="known_state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    class_subject_id: Mapped[int] = mapped_column(ForeignKey("class_subject.id"))
    semester: Mapped[int]
    state: Mapped[str] = mapped_column(String(10), default="DRAFT")
    version: Mapped[int] = mapped_column(default=1)
    content_version: Mapped[int] = mapped_column(default=1)
    state_at: Mapped[datetime] = mapped_column(UtcDateTime)

    class_subject: Mapped[ClassSubject] = relationship()


class ScoreCell(Base):
    """One assessment (or the remark) of one student on one sheet. A row exists from the first value on.

    Exactly one of ``tenths`` (scored), ``mark`` ('Đ'/'CĐ', comment) and ``remark`` may be filled. ``origin`` tells an
    earned 0 from a missed one (Art. 7): ``missed_unexcused`` carries 0 or CĐ, ``missed_excused`` carries nothing and
    stays a gap with ``makeup_due_on``.
    """

    __tablename__ = "score_cell"
    __table_args__ = (
        UniqueConstraint("score_sheet_id", "enrollment_id", "column_key"),
        CheckConstraint("column_key IN ('TX1','TX2','TX3','TX4','GK','CK','NX')", name="known_column"),
        CheckConstraint("tenths IS NULL OR tenths BETWEEN 0 AND 100", name="score_from_0_to_10"),
        CheckConstraint("mark IS NULL OR mark IN ('Đ','CĐ')", name="known_mark"),
        CheckConstraint("tenths IS NULL OR mark IS NULL", name="score_or_mark"),
        CheckConstraint(
            "origin IN ('empty','entered','makeup','missed_excused','missed_unexcused')", name="known_origin"
        ),
        CheckConstraint(
            "origin NOT IN ('empty','missed_excused') OR (tenths IS NULL AND mark IS NULL)", name="a_gap_has_no_value"
        ),
        # COALESCE: a comparison with NULL is NULL, and a CHECK lets NULL pass.
        CheckConstraint(
            "origin <> 'missed_unexcused' OR COALESCE(tenths, 1) = 0 OR COALESCE(mark, '') = 'CĐ'",
            name="missed_is_zero_or_fail",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    score_sheet_id: Mapped[int] = mapped_column(ForeignKey("score_sheet.id"))
    enrollment_id: Mapped[int] = mapped_column(ForeignKey("enrollment.id"), index=True)
    column_key: Mapped[str] = mapped_column(String(3))
    tenths: Mapped[int | None] = mapped_column(ScoreTenths)
    mark: Mapped[str | None] = mapped_column(String(2))
    remark: Mapped[str | None] = mapped_column(String(1000))
    origin: Mapped[str] = mapped_column(String(20), default="empty")
    makeup_due_on: Mapped[date | None]
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))


class ScoreCellVersion(Base):
    """One version of a cell. ``op_id`` is the tablet's idempotency key: the same key never writes twice. A version that
    was written as one of many carries a key derived from that of the whole act.

    ``request_digest`` tells a repeated request from a different one under a used key.
    """

    __tablename__ = "score_cell_version"
    __table_args__ = (
        UniqueConstraint("score_cell_id", "version"),
        CheckConstraint(
            "source IN ('typed','pasted','undone','redone','imported','corrected','demo','carried')",
            name="known_source",
        ),
        Index("ix_score_cell_version_cell", "score_cell_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    score_cell_id: Mapped[int] = mapped_column(ForeignKey("score_cell.id"))
    version: Mapped[int]
    tenths: Mapped[int | None] = mapped_column(ScoreTenths)
    mark: Mapped[str | None] = mapped_column(String(2))
    remark: Mapped[str | None] = mapped_column(String(1000))
    origin: Mapped[str] = mapped_column(String(20))
    makeup_due_on: Mapped[date | None]
    source: Mapped[str] = mapped_column(String(10))
    op_id: Mapped[str | None] = mapped_column(String(36), unique=True)
    request_digest: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by_account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    audit_seq: Mapped[int | None]


class SheetStep(Base):
    """An act upon a sheet: who moved it from where to where, and why."""

    __tablename__ = "sheet_step"

    id: Mapped[int] = mapped_column(primary_key=True)
    score_sheet_id: Mapped[int] = mapped_column(ForeignKey("score_sheet.id"), index=True)
    verb: Mapped[str] = mapped_column(String(12))
    from_state: Mapped[str] = mapped_column(String(10))
    to_state: Mapped[str] = mapped_column(String(10))
    note: Mapped[str | None] = mapped_column(String(1000))
    content_version: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by_account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    by_name: Mapped[str] = mapped_column(String(120))


class SheetReadBack(Base):
    """Two people checked a sheet together: one read the marks from the screen, the other followed on paper.

    ``column_keys``: keys separated by commas; ``n_cells``: how many marks were read out.
    """

    __tablename__ = "sheet_read_back"
    __table_args__ = (
        CheckConstraint("reader_id <> listener_id", name="two_people"),
        CheckConstraint("n_cells > 0", name="something_was_read"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    score_sheet_id: Mapped[int] = mapped_column(ForeignKey("score_sheet.id"), index=True)
    reader_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    listener_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    reader_name: Mapped[str] = mapped_column(String(120))
    listener_name: Mapped[str] = mapped_column(String(120))
    column_keys: Mapped[str] = mapped_column(String(40))
    n_cells: Mapped[int]
    content_version: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by_account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
