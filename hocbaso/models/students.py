"""Students, their places in classes, their earlier schooling, and exemptions."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hocbaso.db import Base, ScoreTenths, UtcDateTime
from hocbaso.models.school import ClassGroup, Subject


class Student(Base):
    """A pupil's profile: the personal page of the form, and what the sector database asks."""

    __tablename__ = "student"

    id: Mapped[int] = mapped_column(primary_key=True)
    moet_code: Mapped[str | None] = mapped_column(String(20), unique=True)
    register_no: Mapped[str | None] = mapped_column(String(30), unique=True)
    full_name: Mapped[str] = mapped_column(String(120))
    sort_key: Mapped[str] = mapped_column(String(400), index=True)
    search_key: Mapped[str] = mapped_column(String(200), index=True)
    birth_on: Mapped[date]
    sex: Mapped[str] = mapped_column(String(3))
    birth_place: Mapped[str | None] = mapped_column(String(200))
    ethnicity: Mapped[str | None] = mapped_column(String(40))
    nationality: Mapped[str | None] = mapped_column(String(40))
    personal_id_number: Mapped[str | None] = mapped_column(String(12), unique=True)
    address: Mapped[str | None] = mapped_column(String(300))
    home_town: Mapped[str | None] = mapped_column(String(200))
    policy_category: Mapped[str | None] = mapped_column(String(120))
    father_name: Mapped[str | None] = mapped_column(String(120))
    father_job: Mapped[str | None] = mapped_column(String(120))
    mother_name: Mapped[str | None] = mapped_column(String(120))
    mother_job: Mapped[str | None] = mapped_column(String(120))
    guardian_name: Mapped[str | None] = mapped_column(String(120))
    guardian_job: Mapped[str | None] = mapped_column(String(120))
    phone: Mapped[str | None] = mapped_column(String(30))
    height_cm: Mapped[int | None]
    weight_kg: Mapped[int | None]
    inclusive_disability: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column(default=1)
    touched_at: Mapped[datetime] = mapped_column(UtcDateTime)


class StudentPhoto(Base):
    """A pupil's photo; the file lies in the store under its digest, NULL once it was taken away."""

    __tablename__ = "student_photo"

    id: Mapped[int] = mapped_column(primary_key=True)
    student_id: Mapped[int] = mapped_column(ForeignKey("student.id"), unique=True)
    digest: Mapped[str | None] = mapped_column(ForeignKey("stored_document.digest"))
    set_at: Mapped[datetime] = mapped_column(UtcDateTime)
    setter_name: Mapped[str] = mapped_column(String(120))


class Enrollment(Base):
    """A student in a class of a year. Rows are never deleted: leaving sets ``left_on``."""

    __tablename__ = "enrollment"
    __table_args__ = (
        UniqueConstraint("student_id", "class_group_id"),
        UniqueConstraint("class_group_id", "class_place", name="uq_enrollment_class_place"),
        CheckConstraint(
            "status IN ('studying','transferred_in','transferred_out','left','moved')", name="known_status"
        ),
        CheckConstraint("first_semester IN (1,2)", name="first_semester_one_or_two"),
        Index("ix_enrollment_class_group", "class_group_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    student_id: Mapped[int] = mapped_column(ForeignKey("student.id"), index=True)
    class_group_id: Mapped[int] = mapped_column(ForeignKey("class_group.id"))
    status: Mapped[str] = mapped_column(String(20), default="studying")
    joined_on: Mapped[date]
    left_on: Mapped[date | None]
    class_place: Mapped[int | None]
    """Given when the pupil comes into the class and never taken by another: the check numbers on paper are made of it.
    NULL in a class of more pupils than two digits tell apart."""
    first_semester: Mapped[int] = mapped_column(default=1, server_default="1")
    """2 for a pupil who came when semester I was over: its results are those of the old school (docs/decisions/0022)."""

    student: Mapped[Student] = relationship()
    class_group: Mapped[ClassGroup] = relationship()


class Movement(Base):
    """Biến động: a pupil who came from another school, went to one, or stopped, each with its day, paper and reason.

    A departure that was recorded wrongly is taken back, never deleted.
    """

    __tablename__ = "movement"
    __table_args__ = (
        CheckConstraint("kind IN ('transferred_in','transferred_out','left')", name="known_kind"),
        CheckConstraint("kind = 'left' OR school_name IS NOT NULL", name="transfer_names_the_school"),
        CheckConstraint("from_status IN ('studying','transferred_in')", name="from_a_place_in_class"),
        CheckConstraint(
            "(taken_back_at IS NULL) = (taken_back_name IS NULL) AND (taken_back_at IS NULL) = (taken_back_reason IS NULL)",
            name="taken_back_by_somebody_for_a_reason",
        ),
        CheckConstraint("taken_back_at IS NULL OR kind <> 'transferred_in'", name="only_departures_are_taken_back"),
        Index(
            "uq_movement_departure",
            "enrollment_id",
            unique=True,
            sqlite_where=text("taken_back_at IS NULL AND kind <> 'transferred_in'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    enrollment_id: Mapped[int] = mapped_column(ForeignKey("enrollment.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    from_status: Mapped[str] = mapped_column(String(20))
    happened_on: Mapped[date]
    """The first day here of who came, the last day at school of who left."""
    school_name: Mapped[str | None] = mapped_column(String(200))
    paper_no: Mapped[str] = mapped_column(String(100))
    paper_on: Mapped[date]
    reason: Mapped[str] = mapped_column(String(500))
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    recorded_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    recorder_name: Mapped[str] = mapped_column(String(120))
    taken_back_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    taken_back_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    taken_back_name: Mapped[str | None] = mapped_column(String(120))
    taken_back_reason: Mapped[str | None] = mapped_column(String(500))

    enrollment: Mapped[Enrollment] = relationship()


class InheritedResult(Base):
    """The old school's result of a subject in a semester that was over when the pupil came (docs/decisions/0022).

    Copied from its paper by the homeroom teacher, accepted by the principal; one that was accepted stays when a newer takes its place.
    """

    __tablename__ = "inherited_result"
    __table_args__ = (
        CheckConstraint("semester = 1", name="semester_one"),
        CheckConstraint("state IN ('PROPOSED','ACCEPTED','REFUSED','REPLACED')", name="known_state"),
        CheckConstraint("(tenths IS NULL) <> (mark IS NULL)", name="score_or_mark"),
        CheckConstraint("tenths IS NULL OR tenths BETWEEN 0 AND 100", name="tenths_0_to_100"),
        CheckConstraint("mark IS NULL OR mark IN ('Đ','CĐ')", name="mark_pass_or_fail"),
        CheckConstraint("(state = 'PROPOSED') = (decided_at IS NULL)", name="decided_has_its_time"),
        Index(
            "uq_inherited_result_standing",
            "enrollment_id",
            "subject_id",
            "semester",
            "state",
            unique=True,
            sqlite_where=text("state IN ('PROPOSED','ACCEPTED')"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    enrollment_id: Mapped[int] = mapped_column(ForeignKey("enrollment.id"), index=True)
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"))
    semester: Mapped[int]
    tenths: Mapped[int | None] = mapped_column(ScoreTenths)
    mark: Mapped[str | None] = mapped_column(String(2))
    state: Mapped[str] = mapped_column(String(10), default="PROPOSED")
    document: Mapped[str] = mapped_column(String(200))
    proposed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    proposed_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    proposer_name: Mapped[str] = mapped_column(String(120))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    decider_name: Mapped[str | None] = mapped_column(String(120))
    decision_note: Mapped[str | None] = mapped_column(String(500))

    subject: Mapped[Subject] = relationship()
    enrollment: Mapped[Enrollment] = relationship()


class StudyHistory(Base):
    """A year of schooling elsewhere or before this system; years here come from Enrollment."""

    __tablename__ = "study_history"

    id: Mapped[int] = mapped_column(primary_key=True)
    student_id: Mapped[int] = mapped_column(ForeignKey("student.id"), index=True)
    year_label: Mapped[str] = mapped_column(String(9))
    class_name: Mapped[str] = mapped_column(String(20))
    school_name: Mapped[str] = mapped_column(String(200))
    arrived_on: Mapped[date | None]
    struck_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the office struck it out as entered wrongly; nothing of a profile is deleted."""


class Exemption(Base):
    """Miễn học: proposed by the homeroom teacher, decided by the principal with its paper. ``semester`` NULL: both.

    One that was taken back (``REVOKED``) stays with the decision that granted it; what took it back is an :class:`ExemptionRevocation`.
    """

    __tablename__ = "exemption"
    __table_args__ = (
        CheckConstraint("state IN ('PROPOSED','GRANTED','REFUSED','REVOKED')", name="known_state"),
        CheckConstraint("semester IS NULL OR semester IN (1,2)", name="semester_one_or_two"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    enrollment_id: Mapped[int] = mapped_column(ForeignKey("enrollment.id"), index=True)
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"))
    semester: Mapped[int | None]
    state: Mapped[str] = mapped_column(String(10), default="PROPOSED")
    reason: Mapped[str] = mapped_column(String(500))
    document: Mapped[str | None] = mapped_column(String(200))
    proposed_by: Mapped[int] = mapped_column(ForeignKey("account.id"))
    proposed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    subject: Mapped[Subject] = relationship()
    enrollment: Mapped[Enrollment] = relationship()


class ExemptionRevocation(Base):
    """Thu hồi miễn học: a request to take a granted exemption back, and what was decided. One at a time is open."""

    __tablename__ = "exemption_revocation"
    __table_args__ = (
        CheckConstraint("state IN ('PROPOSED','REVOKED','REFUSED')", name="known_state"),
        CheckConstraint("(state = 'PROPOSED') = (decided_at IS NULL)", name="decided_has_its_time"),
        CheckConstraint(
            "decided_by IS NULL OR proposed_by IS NULL OR decided_by <> proposed_by",
            name="nobody_decides_the_own_request",
        ),
        Index("uq_exemption_revocation_open", "exemption_id", unique=True, sqlite_where=text("state = 'PROPOSED'")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    exemption_id: Mapped[int] = mapped_column(ForeignKey("exemption.id"), index=True)
    enrollment_id: Mapped[int] = mapped_column(ForeignKey("enrollment.id"), index=True)
    state: Mapped[str] = mapped_column(String(10), default="PROPOSED")
    reason: Mapped[str] = mapped_column(String(500))
    proposed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    proposed_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    proposer_name: Mapped[str] = mapped_column(String(120))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    decider_name: Mapped[str | None] = mapped_column(String(120))
    decision_note: Mapped[str | None] = mapped_column(String(500))

    exemption: Mapped[Exemption] = relationship()
    enrollment: Mapped[Enrollment] = relationship()
