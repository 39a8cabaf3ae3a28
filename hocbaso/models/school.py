"""The school, its years, subjects, groups and classes."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hocbaso.db import Base, UtcDateTime
from hocbaso.regulations.class_flow import ClassState


class School(Base):
    """The one school of this instance (id 1)."""

    __tablename__ = "school"
    __table_args__ = (CheckConstraint("id = 1", name="only_one_school"),)

    id: Mapped[int] = mapped_column(primary_key=True, default=1)
    name: Mapped[str] = mapped_column(String(200))
    code: Mapped[str | None] = mapped_column(String(20))
    department_code: Mapped[str | None] = mapped_column(String(20))
    department_name: Mapped[str | None] = mapped_column(String(200))
    commune: Mapped[str | None] = mapped_column(String(100))
    commune_kind: Mapped[str] = mapped_column(String(20), default="Xã")
    province: Mapped[str | None] = mapped_column(String(100))
    province_kind: Mapped[str] = mapped_column(String(20), default="Tỉnh")
    place_name: Mapped[str | None] = mapped_column(String(100))
    lookup_url: Mapped[str | None] = mapped_column(String(300))
    is_demo: Mapped[bool] = mapped_column(default=False)
    require_second_factor: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)


class SchoolYear(Base):
    """A school year with its dates; every deadline is data. ``*_before`` dates are exclusive: the last good day is the day before."""

    __tablename__ = "school_year"
    __table_args__ = (CheckConstraint("state IN ('OPEN','CLOSED')", name="known_state"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(String(9), unique=True)
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    regulation_version: Mapped[str] = mapped_column(String(30), default="TT22-2021")
    state: Mapped[str] = mapped_column(String(10), default="OPEN")
    data_complete_before: Mapped[date]
    sign_grade9_before: Mapped[date]
    sign_others_before: Mapped[date]
    summer_freeze_on: Mapped[date]
    spot_check_percent: Mapped[int] = mapped_column(default=0)
    class_sheet_signature: Mapped[str] = mapped_column(String(20), default="none")
    version: Mapped[int] = mapped_column(default=1)

    windows: Mapped[list[SemesterWindow]] = relationship(back_populates="school_year")

    def sign_before(self, grade_level: int) -> date:
        """The day before which the transcripts of a grade level are signed; grade 9 goes first."""
        return self.sign_grade9_before if grade_level == 9 else self.sign_others_before


class SemesterWindow(Base):
    """When scores of a semester may be typed, both days included. ``grade_level`` NULL: every grade level without its own row."""

    __tablename__ = "semester_window"
    __table_args__ = (
        UniqueConstraint("school_year_id", "semester", "grade_level"),
        CheckConstraint("semester IN (1,2)", name="semester_one_or_two"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    school_year_id: Mapped[int] = mapped_column(ForeignKey("school_year.id"))
    semester: Mapped[int]
    grade_level: Mapped[int | None]
    opens_on: Mapped[date]
    closes_on: Mapped[date]

    school_year: Mapped[SchoolYear] = relationship(back_populates="windows")


class Subject(Base):
    """A subject or educational activity of the curriculum."""

    __tablename__ = "subject"
    __table_args__ = (CheckConstraint("kind IN ('scored','comment')", name="known_kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(20), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    short_name: Mapped[str] = mapped_column(String(40))
    transcript_name: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(10))
    sheet_order: Mapped[int]
    transcript_order: Mapped[int]


class SubjectGroup(Base):
    """Tổ chuyên môn. Its head is a RoleGrant with this group as scope."""

    __tablename__ = "subject_group"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)


class ClassGroup(Base):
    """A class in a school year."""

    __tablename__ = "class_group"
    __table_args__ = (
        UniqueConstraint("school_year_id", "name"),
        CheckConstraint("grade_level BETWEEN 6 AND 9", name="lower_secondary_grade_level"),
        CheckConstraint("state IN ('OPEN','FINALISED','APPROVED')", name="known_state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    school_year_id: Mapped[int] = mapped_column(ForeignKey("school_year.id"), index=True)
    name: Mapped[str] = mapped_column(String(20))
    grade_level: Mapped[int]
    state: Mapped[str] = mapped_column(String(12), default=ClassState.OPEN.value)
    version: Mapped[int] = mapped_column(default=1)

    school_year: Mapped[SchoolYear] = relationship()
    class_subjects: Mapped[list[ClassSubject]] = relationship(back_populates="class_group")


class ClassSubject(Base):
    """A subject taught in a class this year, with its lessons a year (which set the number of regular assessments)."""

    __tablename__ = "class_subject"
    __table_args__ = (
        UniqueConstraint("class_group_id", "subject_id"),
        CheckConstraint("lessons_per_year BETWEEN 1 AND 400", name="plausible_lessons"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    class_group_id: Mapped[int] = mapped_column(ForeignKey("class_group.id"), index=True)
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"))
    lessons_per_year: Mapped[int]

    class_group: Mapped[ClassGroup] = relationship(back_populates="class_subjects")
    subject: Mapped[Subject] = relationship()


class YearTurn(Base):
    """The plan by which a school year is closed and the next one opened: the office writes it, the principal's approval is the act."""

    __tablename__ = "year_turn"
    __table_args__ = (
        CheckConstraint("state IN ('DRAFT','SENT','RETURNED','DONE')", name="known_state"),
        CheckConstraint("(state = 'DONE') = (to_year_id IS NOT NULL)", name="done_names_the_new_year"),
        CheckConstraint("state <> 'DONE' OR decided_at IS NOT NULL", name="done_by_somebody"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    from_year_id: Mapped[int] = mapped_column(ForeignKey("school_year.id"), unique=True)
    to_year_id: Mapped[int | None] = mapped_column(ForeignKey("school_year.id"))
    state: Mapped[str] = mapped_column(String(10))
    choices: Mapped[str] = mapped_column(Text)
    """Canonical JSON of what the office chose; everything else is worked out anew from the year each time."""
    version: Mapped[int] = mapped_column(default=1)
    prepared_at: Mapped[datetime] = mapped_column(UtcDateTime)
    prepared_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    preparer_name: Mapped[str] = mapped_column(String(120))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    decider_name: Mapped[str | None] = mapped_column(String(120))
    note: Mapped[str | None] = mapped_column(String(500))
