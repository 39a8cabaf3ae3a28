"""Requests to correct what is locked or printed: what should become what, why, the evidence, and every step."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from hocbaso.db import Base, ScoreTenths, UtcDateTime
from hocbaso.models.school import ClassGroup
from hocbaso.models.students import Enrollment


class CorrectionRequest(Base):
    """Of one pupil's year: cells of locked sheets (``score``), the homeroom teacher's part (``homeroom``), approved results of the summer
    (``summer``), an exemption (``exemption``) or an old school's results (``inherited``); or civil-status fields.

    ``enrollment_id``: the year concerned; for civil status the pupil's latest class, whose homeroom teacher confirms. ``paper``: the
    decision or table that a change of civil status, of an exemption or of an old school's results rests on. ``outcome``: once applied, canonical JSON of what changed and what went out of force.
    """

    __tablename__ = "correction_request"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('score','homeroom','summer','civil_status','exemption','inherited')", name="known_kind"
        ),
        CheckConstraint(
            "state IN ('ASKED','CONFIRMED','RETURNED','APPLIED','REFUSED','WITHDRAWN')", name="known_state"
        ),
        CheckConstraint("kind <> 'civil_status' OR paper IS NOT NULL", name="civil_status_has_its_decision"),
        CheckConstraint("kind NOT IN ('exemption','inherited') OR paper IS NOT NULL", name="papers_are_named"),
        CheckConstraint(
            "state <> 'APPLIED' OR (decided_at IS NOT NULL AND decider_name IS NOT NULL AND outcome IS NOT NULL)",
            name="applied_by_somebody",
        ),
        CheckConstraint(
            "decided_by IS NULL OR asked_by IS NULL OR decided_by <> asked_by",
            name="nobody_decides_the_own_request",
        ),
        CheckConstraint(
            "confirmed_by IS NULL OR asked_by IS NULL OR confirmed_by <> asked_by",
            name="nobody_confirms_the_own_request",
        ),
        Index(
            "ix_correction_request_open",
            "enrollment_id",
            sqlite_where=text("state IN ('ASKED','CONFIRMED','RETURNED')"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    enrollment_id: Mapped[int] = mapped_column(ForeignKey("enrollment.id"), index=True)
    state: Mapped[str] = mapped_column(String(10), default="ASKED")
    reason: Mapped[str] = mapped_column(String(1000))
    paper: Mapped[str | None] = mapped_column(String(300))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    asked_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    asker_name: Mapped[str] = mapped_column(String(120))
    asked_by_principal: Mapped[bool] = mapped_column(default=False)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    confirmed_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    confirmer_name: Mapped[str | None] = mapped_column(String(120))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    decider_name: Mapped[str | None] = mapped_column(String(120))
    outcome: Mapped[str | None] = mapped_column(Text)
    frozen_result_id: Mapped[int | None] = mapped_column(ForeignKey("frozen_result.id"))
    version: Mapped[int] = mapped_column(default=1)

    enrollment: Mapped[Enrollment] = relationship()
    items: Mapped[list[CorrectionItem]] = relationship(order_by="CorrectionItem.id")
    evidence: Mapped[list[CorrectionEvidence]] = relationship(order_by="CorrectionEvidence.id")
    steps: Mapped[list[CorrectionStep]] = relationship(order_by="CorrectionStep.id")


class CorrectionItem(Base):
    """One value that should become another: a cell (``score_sheet_id``, ``column_key``) or a field: of the profile, of the homeroom record, or
    named by ``regulations/correction_fields``.

    ``seen_version``: the cell's version (0: empty) that the request was made against; of a field the old value itself is the pin.
    """

    __tablename__ = "correction_item"
    __table_args__ = (
        UniqueConstraint("correction_request_id", "score_sheet_id", "column_key", name="uq_correction_item_cell"),
        UniqueConstraint("correction_request_id", "field"),
        CheckConstraint(
            "(score_sheet_id IS NULL) = (column_key IS NULL) AND (score_sheet_id IS NULL) <> (field IS NULL)",
            name="a_cell_or_a_field",
        ),
        CheckConstraint("new_mark IS NULL OR new_mark IN ('Đ','CĐ')", name="known_mark"),
        CheckConstraint(
            "field IS NOT NULL OR new_tenths IS NOT NULL OR new_mark IS NOT NULL OR new_remark IS NOT NULL",
            name="a_cell_is_never_emptied",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    correction_request_id: Mapped[int] = mapped_column(ForeignKey("correction_request.id"), index=True)
    score_sheet_id: Mapped[int | None] = mapped_column(ForeignKey("score_sheet.id"))
    column_key: Mapped[str | None] = mapped_column(String(3))
    field: Mapped[str | None] = mapped_column(String(30))
    seen_version: Mapped[int] = mapped_column(default=0)
    old_tenths: Mapped[int | None] = mapped_column(ScoreTenths)
    old_mark: Mapped[str | None] = mapped_column(String(2))
    old_remark: Mapped[str | None] = mapped_column(String(1000))
    old_origin: Mapped[str | None] = mapped_column(String(20))
    new_tenths: Mapped[int | None] = mapped_column(ScoreTenths)
    new_mark: Mapped[str | None] = mapped_column(String(2))
    new_remark: Mapped[str | None] = mapped_column(String(1000))
    new_origin: Mapped[str | None] = mapped_column(String(20))
    old_text: Mapped[str | None] = mapped_column(String(2000))
    new_text: Mapped[str | None] = mapped_column(String(2000))


class CorrectionEvidence(Base):
    """A photo or scan that a request rests on; the file lies in the store under its digest."""

    __tablename__ = "correction_evidence"
    __table_args__ = (UniqueConstraint("correction_request_id", "digest"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    correction_request_id: Mapped[int] = mapped_column(ForeignKey("correction_request.id"), index=True)
    digest: Mapped[str] = mapped_column(ForeignKey("stored_document.digest"))
    file_name: Mapped[str] = mapped_column(String(120))
    media_type: Mapped[str] = mapped_column(String(60))
    n_bytes: Mapped[int]
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    added_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))


class CorrectionStep(Base):
    """An act upon a request: who moved it from where to where, and why."""

    __tablename__ = "correction_step"

    id: Mapped[int] = mapped_column(primary_key=True)
    correction_request_id: Mapped[int] = mapped_column(ForeignKey("correction_request.id"), index=True)
    verb: Mapped[str] = mapped_column(String(12))
    from_state: Mapped[str | None] = mapped_column(String(10))
    to_state: Mapped[str] = mapped_column(String(10))
    note: Mapped[str | None] = mapped_column(String(1000))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    by_account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    by_name: Mapped[str] = mapped_column(String(120))


class ConclusionCase(Base):
    """What a correction that changed a year's conclusion after its summer or its turn means for the pupil, until it is settled.

    ``choice``: the principal's, ``paper`` what it rests on; ``until_on``: of a late summer its last day; ``to_class_group_id``: where the office puts
    the pupil (NULL: out of the class of today). ``since_at``: when the present state began. A case that was settled stays.
    """

    __tablename__ = "conclusion_case"
    __table_args__ = (
        CheckConstraint("state IN ('SUMMER','PLACE','MOVE','SETTLED')", name="known_state"),
        CheckConstraint("choice IN ('summer','move','stay','gone','keep')", name="known_choice"),
        CheckConstraint("(state = 'SETTLED') = (settled_at IS NOT NULL)", name="settled_has_its_time"),
        CheckConstraint("choice <> 'summer' OR until_on IS NOT NULL", name="a_late_summer_has_its_day"),
        Index(
            "uq_conclusion_case_open",
            "enrollment_id",
            unique=True,
            sqlite_where=text("state <> 'SETTLED'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    correction_request_id: Mapped[int] = mapped_column(ForeignKey("correction_request.id"), index=True)
    enrollment_id: Mapped[int] = mapped_column(ForeignKey("enrollment.id"), index=True)
    before_outcome: Mapped[str] = mapped_column(String(20))
    outcome: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(10))
    choice: Mapped[str] = mapped_column(String(10))
    paper: Mapped[str] = mapped_column(String(300))
    until_on: Mapped[date | None]
    to_class_group_id: Mapped[int | None] = mapped_column(ForeignKey("class_group.id"))
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    decider_name: Mapped[str] = mapped_column(String(120))
    since_at: Mapped[datetime] = mapped_column(UtcDateTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    settled_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    settler_name: Mapped[str | None] = mapped_column(String(120))
    settled_note: Mapped[str | None] = mapped_column(String(500))
    version: Mapped[int] = mapped_column(default=1)

    enrollment: Mapped[Enrollment] = relationship()
    to_class: Mapped[ClassGroup | None] = relationship()
