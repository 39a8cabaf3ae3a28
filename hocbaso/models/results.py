"""What the homeroom teacher keeps, decisions about a student, and frozen results."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hocbaso.db import Base, ScoreTenths, UtcDateTime
from hocbaso.models.students import Enrollment


class HomeroomRecord(Base):
    """Conduct, absences, remark and awards of one student in one year, kept by the homeroom teacher."""

    __tablename__ = "homeroom_record"
    __table_args__ = (
        CheckConstraint("conduct_1 IS NULL OR conduct_1 IN ('T','K','Đ','CĐ')", name="known_conduct_1"),
        CheckConstraint("conduct_2 IS NULL OR conduct_2 IN ('T','K','Đ','CĐ')", name="known_conduct_2"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    enrollment_id: Mapped[int] = mapped_column(ForeignKey("enrollment.id"), unique=True)
    conduct_1: Mapped[str | None] = mapped_column(String(2))
    conduct_2: Mapped[str | None] = mapped_column(String(2))
    absences_excused_1: Mapped[int | None]
    absences_unexcused_1: Mapped[int | None]
    absences_excused_2: Mapped[int | None]
    absences_unexcused_2: Mapped[int | None]
    remark: Mapped[str | None] = mapped_column(String(2000))
    award_extra: Mapped[str | None] = mapped_column(String(500))
    competitions: Mapped[str | None] = mapped_column(String(500))
    certificates: Mapped[str | None] = mapped_column(String(500))
    certificates_grade: Mapped[str | None] = mapped_column(String(100))
    version: Mapped[int] = mapped_column(default=1)
    field_versions: Mapped[str] = mapped_column(Text, default="{}")
    """JSON, field -> [record version that wrote it last, operation key]: two fields of one row never collide."""
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))

    enrollment: Mapped[Enrollment] = relationship()


class MonthAbsence(Base):
    """How many sessions one pupil missed in a semester's part of a month, with or without permission; NULL: taken back.

    The totals of ``HomeroomRecord`` follow from these rows where there are any (docs/decisions/0041).
    """

    __tablename__ = "month_absence"
    __table_args__ = (
        UniqueConstraint("enrollment_id", "semester", "month", "kind"),
        CheckConstraint("semester IN (1,2)", name="semester_one_or_two"),
        CheckConstraint("kind IN ('excused','unexcused')", name="known_kind"),
        CheckConstraint("sessions IS NULL OR sessions BETWEEN 0 AND 31", name="sessions_of_a_month"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    enrollment_id: Mapped[int] = mapped_column(ForeignKey("enrollment.id"))
    semester: Mapped[int]
    month: Mapped[str] = mapped_column(String(7))
    """``2026-09``"""
    kind: Mapped[str] = mapped_column(String(10))
    sessions: Mapped[int | None]
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))

    enrollment: Mapped[Enrollment] = relationship()


class SummerResult(Base):
    """A subject to re-assess (Art. 14) or conduct to train (Art. 13: ``subject_id`` NULL) in the summer, from its registration on.

    The original result stays where it is; only an approved row counts.
    """

    __tablename__ = "summer_result"
    __table_args__ = (
        UniqueConstraint("enrollment_id", "subject_id"),
        CheckConstraint("state IN ('REGISTERED','DECLINED','TYPED','RETURNED','APPROVED')", name="known_state"),
        CheckConstraint("outcome IS NULL OR outcome IN ('result','absent','declined')", name="known_outcome"),
        CheckConstraint(
            "CASE WHEN tenths IS NULL THEN 0 ELSE 1 END + CASE WHEN mark IS NULL THEN 0 ELSE 1 END"
            " + CASE WHEN conduct IS NULL THEN 0 ELSE 1 END = CASE WHEN outcome = 'result' THEN 1 ELSE 0 END",
            name="a_result_has_one_value",
        ),
        CheckConstraint("tenths IS NULL OR tenths BETWEEN 0 AND 100", name="tenths_0_to_100"),
        CheckConstraint("mark IS NULL OR mark IN ('Đ','CĐ')", name="mark_pass_or_fail"),
        CheckConstraint("conduct IS NULL OR conduct IN ('T','K','Đ','CĐ')", name="known_conduct"),
        CheckConstraint("(conduct IS NULL) OR (subject_id IS NULL)", name="conduct_is_no_subject"),
        CheckConstraint("state NOT IN ('TYPED','DECLINED','APPROVED') OR outcome IS NOT NULL", name="settled_says_how"),
        CheckConstraint("state <> 'APPROVED' OR decided_at IS NOT NULL", name="approved_by_somebody"),
        Index(
            "uq_summer_result_conduct",
            "enrollment_id",
            unique=True,
            sqlite_where=text("subject_id IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    enrollment_id: Mapped[int] = mapped_column(ForeignKey("enrollment.id"), index=True)
    subject_id: Mapped[int | None] = mapped_column(ForeignKey("subject.id"))
    tenths: Mapped[int | None] = mapped_column(ScoreTenths)
    mark: Mapped[str | None] = mapped_column(String(2))
    conduct: Mapped[str | None] = mapped_column(String(2))
    assessed_on: Mapped[date | None]
    version: Mapped[int] = mapped_column(default=1)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    state: Mapped[str] = mapped_column(String(12))
    outcome: Mapped[str | None] = mapped_column(String(10))
    task: Mapped[str | None] = mapped_column(String(500))
    """Of conduct: what the pupil was given to do (Art. 13)."""
    document: Mapped[str | None] = mapped_column(String(200))
    """The paper the result stands on: the minutes of the test; of conduct the report with the parent's signature."""
    registrar_name: Mapped[str | None] = mapped_column(String(120))
    typed_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    typist_name: Mapped[str | None] = mapped_column(String(120))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    decider_name: Mapped[str | None] = mapped_column(String(120))
    note: Mapped[str | None] = mapped_column(String(500))
    """Why it was returned."""

    enrollment: Mapped[Enrollment] = relationship()


class PrincipalDecision(Base):
    """A recorded decision where the circular gives no automatic conclusion: disability, too few subjects, clause 3."""

    __tablename__ = "principal_decision"
    __table_args__ = (CheckConstraint("kind IN ('promotion','learning_level')", name="known_kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    enrollment_id: Mapped[int] = mapped_column(ForeignKey("enrollment.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    term: Mapped[str] = mapped_column(String(4), default="year")
    outcome: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(1000))
    document: Mapped[str | None] = mapped_column(String(200))
    basis: Mapped[str | None] = mapped_column(Text)
    """The results it was made on, as the rules write them; it counts for no others."""
    decided_by: Mapped[int] = mapped_column(ForeignKey("account.id"))
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ClassStep(Base):
    """An act upon a class: finalised, reopened, returned, approved."""

    __tablename__ = "class_step"

    id: Mapped[int] = mapped_column(primary_key=True)
    class_group_id: Mapped[int] = mapped_column(ForeignKey("class_group.id"), index=True)
    verb: Mapped[str] = mapped_column(String(12))
    from_state: Mapped[str] = mapped_column(String(12))
    to_state: Mapped[str] = mapped_column(String(12))
    note: Mapped[str | None] = mapped_column(String(1000))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by_account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    by_name: Mapped[str] = mapped_column(String(120))


class FrozenResult(Base):
    """The results of one student and year as they stood when the principal approved: canonical JSON and its digest.

    Feeds the transcript; nothing else does. ``freeze`` is ``main`` or ``summer``; a correction adds a row with a higher
    ``revision`` and never edits one.
    """

    __tablename__ = "frozen_result"
    __table_args__ = (
        UniqueConstraint("enrollment_id", "freeze", "revision"),
        CheckConstraint("\"freeze\" IN ('main','summer')", name="known_freeze"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    enrollment_id: Mapped[int] = mapped_column(ForeignKey("enrollment.id"), index=True)
    freeze: Mapped[str] = mapped_column(String(10), default="main")
    revision: Mapped[int] = mapped_column(default=1)
    regulation_version: Mapped[str] = mapped_column(String(30))
    content: Mapped[str] = mapped_column(Text)
    content_digest: Mapped[str] = mapped_column(String(64))
    frozen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    frozen_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))

    enrollment: Mapped[Enrollment] = relationship()
