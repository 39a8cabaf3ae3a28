"""Staff profiles (trích ngang), what they teach, and the roles granted to them."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hocbaso.db import Base, UtcDateTime
from hocbaso.models.school import ClassGroup, ClassSubject, SubjectGroup


class Person(Base):
    """A member of staff."""

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(primary_key=True)
    staff_code: Mapped[str] = mapped_column(String(30), unique=True)
    full_name: Mapped[str] = mapped_column(String(120))
    sort_key: Mapped[str] = mapped_column(String(400), index=True)
    birth_on: Mapped[date | None]
    sex: Mapped[str | None] = mapped_column(String(3))
    personal_id_number: Mapped[str | None] = mapped_column(String(12), unique=True)
    subject_group_id: Mapped[int | None] = mapped_column(ForeignKey("subject_group.id"))
    position_title: Mapped[str | None] = mapped_column(String(80))
    qualification: Mapped[str | None] = mapped_column(String(80))
    major: Mapped[str | None] = mapped_column(String(120))
    phone: Mapped[str | None] = mapped_column(String(30))
    email: Mapped[str | None] = mapped_column(String(120))
    joined_on: Mapped[date | None]
    left_on: Mapped[date | None]
    version: Mapped[int] = mapped_column(default=1)

    subject_group: Mapped[SubjectGroup | None] = relationship()


class TeachingAssignment(Base):
    """Who teaches a class subject, from day to day (``ends_on`` included; NULL: open)."""

    __tablename__ = "teaching_assignment"
    __table_args__ = (
        Index("ix_teaching_assignment_person", "person_id"),
        Index("ix_teaching_assignment_class_subject", "class_subject_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    class_subject_id: Mapped[int] = mapped_column(ForeignKey("class_subject.id"))
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]

    person: Mapped[Person] = relationship()
    class_subject: Mapped[ClassSubject] = relationship()


class HomeroomAssignment(Base):
    """Who is homeroom teacher of a class, from day to day."""

    __tablename__ = "homeroom_assignment"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    class_group_id: Mapped[int] = mapped_column(ForeignKey("class_group.id"), index=True)
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]

    person: Mapped[Person] = relationship()
    class_group: Mapped[ClassGroup] = relationship()


class RoleGrant(Base):
    """A role given to a person, with scope and dates. Never edited: ended, and granted anew."""

    __tablename__ = "role_grant"
    __table_args__ = (
        CheckConstraint(
            "role IN ('principal','vice_principal','clerk','it_officer','group_head','board_member','delegate')",
            name="known_role",
        ),
        CheckConstraint("scope_kind IN ('school','subject_group','grade_level','class_group')", name="known_scope"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    role: Mapped[str] = mapped_column(String(20))
    scope_kind: Mapped[str] = mapped_column(String(20), default="school")
    scope_id: Mapped[int | None]
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    document: Mapped[str | None] = mapped_column(String(200))
    granted_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    granted_at: Mapped[datetime] = mapped_column(UtcDateTime)

    person: Mapped[Person] = relationship()
