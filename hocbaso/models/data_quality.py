"""What is kept about the quality of data: daily figures, the authority's identity results, pairs found to be two pupils."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hocbaso.db import Base, UtcDateTime


class QualityFigure(Base):
    """A measure on a day, of a class or (``class_group_id`` 0) of the school. Counts only: written once a day, never changed."""

    __tablename__ = "quality_figure"
    __table_args__ = (
        UniqueConstraint("day", "class_group_id", "measure"),
        CheckConstraint("measure IN ('correct','complete','clean','alive')", name="known_measure"),
        CheckConstraint("n_sound BETWEEN 0 AND n_checked", name="sound_of_checked"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date]
    class_group_id: Mapped[int] = mapped_column(default=0)
    measure: Mapped[str] = mapped_column(String(10))
    n_checked: Mapped[int]
    n_sound: Mapped[int]


class IdentityCheck(Base):
    """What the authority answered about a pupil, with the values it was asked about. Never changed; the newest counts."""

    __tablename__ = "identity_check"
    __table_args__ = (
        CheckConstraint("result IN ('matched','mismatch')", name="known_result"),
        CheckConstraint("result = 'mismatch' OR fields = ''", name="matched_names_no_field"),
        Index("ix_identity_check_student", "student_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    student_id: Mapped[int] = mapped_column(ForeignKey("student.id"))
    result: Mapped[str] = mapped_column(String(10))
    fields: Mapped[str] = mapped_column(String(100), default="")
    """Fields that differ, comma between them."""
    personal_id_number: Mapped[str | None] = mapped_column(String(12))
    full_name: Mapped[str] = mapped_column(String(120))
    birth_on: Mapped[date]
    sex: Mapped[str] = mapped_column(String(3))
    source: Mapped[str] = mapped_column(String(200))
    """The authority's paper or file."""
    checked_on: Mapped[date]
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    recorded_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    recorder_name: Mapped[str] = mapped_column(String(120))


class DistinctPair(Base):
    """Two profiles that looked like one pupil and were found to be two."""

    __tablename__ = "distinct_pair"
    __table_args__ = (
        UniqueConstraint("first_id", "second_id"),
        CheckConstraint("first_id < second_id", name="lower_id_first"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    first_id: Mapped[int] = mapped_column(ForeignKey("student.id"))
    second_id: Mapped[int] = mapped_column(ForeignKey("student.id"))
    reason: Mapped[str] = mapped_column(String(300))
    settled_at: Mapped[datetime] = mapped_column(UtcDateTime)
    settled_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    settler_name: Mapped[str] = mapped_column(String(120))
