"""How many transcripts of each approved class stand where: what "today" lists and what reminders tell of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Select, and_, case, func, or_, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.conclusion_cases import CaseState
from hocbaso.regulations.correction_flow import due_before
from hocbaso.regulations.transcript_flow import RecordState, SignatureRole
from hocbaso.services.score_grid import ACTIVE


def records_by_state(school_year_id: int) -> dict[int, dict[RecordState | None, int]]:
    """Students of each approved class by the state of their record in force; None: not built yet.

    A student who moved away or left during the year gets no year-end record from this school. Leaving is written as a
    status and as a day; whoever bears either mark is not counted, so that a half-written leaving reminds nobody of a
    record that cannot be due.
    """
    found: dict[int, dict[RecordState | None, int]] = {}
    for class_id, state, n in db.session.execute(
        select(m.Enrollment.class_group_id, m.TranscriptRecord.state, func.count())
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .outerjoin(
            m.TranscriptRecord,
            and_(
                m.TranscriptRecord.enrollment_id == m.Enrollment.id,
                m.TranscriptRecord.state != RecordState.RECALLED.value,
            ),
        )
        .where(
            m.ClassGroup.school_year_id == school_year_id,
            m.ClassGroup.state == ClassState.APPROVED.value,
            m.Enrollment.status.in_(ACTIVE),
            m.Enrollment.left_on.is_(None),
        )
        .group_by(m.Enrollment.class_group_id, m.TranscriptRecord.state)
    ):
        found.setdefault(class_id, {})[RecordState(state) if state else None] = n
    return found


def first_records_by_state(school_year_id: int) -> dict[int, dict[RecordState | None, int]]:
    """The same without what :func:`replacing` counts: that is due on its own day."""
    anew = {one.class_group_id: one.by_state for one in replacing()}
    return {
        class_id: {state: n - anew.get(class_id, {}).get(state, 0) for state, n in by_state.items()}
        for class_id, by_state in records_by_state(school_year_id).items()
    }


@dataclass(frozen=True, slots=True)
class Replacing:
    """Records of a class that have to be made anew, because the one before was recalled.

    ``by_state`` as of :func:`records_by_state`; ``before``: a recalled record leaves a family without one, so that the next is due as an answer to
    a request is (``correction_flow.due_before``).
    """

    class_group_id: int
    year_label: str | None
    """None: of the open year."""
    names: list[str]
    by_state: dict[RecordState | None, int]
    before: date


def replacing_name(class_name: str, one: Replacing) -> str:
    """``9A thay bản đã thu hồi``, with the year where it is closed."""
    year = f" năm học {one.year_label.replace('-', '–')}" if one.year_label else ""
    return f"{class_name}{year}, thay bản đã thu hồi"


def _recalled_after_the_seal() -> Select[int]:
    # What was taken back unsigned nobody outside the school ever held: it is due as any first record.
    return (
        select(m.TranscriptRecord.enrollment_id)
        .join(m.TranscriptSignature, m.TranscriptSignature.transcript_record_id == m.TranscriptRecord.id)
        .where(
            m.TranscriptRecord.state == RecordState.RECALLED.value,
            m.TranscriptSignature.role == SignatureRole.SEAL.value,
        )
    )


def recalled_days(enrollment_ids: Iterable[int]) -> dict[int, date]:
    """The day on which a sealed record of an enrolment was last recalled."""
    return {
        enrollment_id: clock.local_date(recalled_at)
        for enrollment_id, recalled_at in db.session.execute(
            select(m.TranscriptRecord.enrollment_id, func.max(m.TranscriptRecord.recalled_at))
            .where(
                m.TranscriptRecord.enrollment_id.in_(list(enrollment_ids)),
                m.TranscriptRecord.enrollment_id.in_(_recalled_after_the_seal()),
                m.TranscriptRecord.state == RecordState.RECALLED.value,
            )
            .group_by(m.TranscriptRecord.enrollment_id)
        )
        if recalled_at is not None
    }


def replacing() -> list[Replacing]:
    """What has to be made anew, of whatever year; records of an approved summer of the open year not: they are due with the summer."""
    gone = (
        select(m.TranscriptRecord.enrollment_id, func.max(m.TranscriptRecord.recalled_at).label("recalled_at"))
        .where(m.TranscriptRecord.state == RecordState.RECALLED.value)
        .group_by(m.TranscriptRecord.enrollment_id)
        .subquery()
    )
    found: dict[int, Replacing] = {}
    for class_id, label, is_open, name, state, recalled_at in db.session.execute(
        select(
            m.ClassGroup.id,
            m.SchoolYear.label,
            m.SchoolYear.state == "OPEN",
            m.Student.full_name,
            m.TranscriptRecord.state,
            gone.c.recalled_at,
        )
        .select_from(m.Enrollment)
        .join(m.Student, m.Student.id == m.Enrollment.student_id)
        .join(gone, gone.c.enrollment_id == m.Enrollment.id)
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .outerjoin(
            m.TranscriptRecord,
            and_(
                m.TranscriptRecord.enrollment_id == m.Enrollment.id,
                m.TranscriptRecord.state != RecordState.RECALLED.value,
            ),
        )
        .where(
            or_(
                m.SchoolYear.state != "OPEN",
                and_(
                    m.Enrollment.id.in_(_recalled_after_the_seal()),
                    m.Enrollment.id.not_in(
                        select(m.FrozenResult.enrollment_id).where(m.FrozenResult.freeze == "summer")
                    ),
                ),
            ),
            m.ClassGroup.state == ClassState.APPROVED.value,
            m.Enrollment.status.in_(ACTIVE),
            m.Enrollment.left_on.is_(None),
            # Made before the late summer it would print no conclusion, and go out of force again.
            m.Enrollment.id.not_in(
                select(m.ConclusionCase.enrollment_id).where(m.ConclusionCase.state == CaseState.SUMMER.value)
            ),
            or_(
                m.TranscriptRecord.id.is_(None), m.TranscriptRecord.state.in_((*_NOT_SEALED, RecordState.ISSUED.value))
            ),
        )
        .order_by(m.SchoolYear.starts_on, m.ClassGroup.name, gone.c.recalled_at)
    ):
        before = due_before(clock.local_date(recalled_at))
        one = found.setdefault(class_id, Replacing(class_id, None if is_open else label, [], {}, before))
        one.names.append(name)
        at = RecordState(state) if state else None
        one.by_state[at] = one.by_state.get(at, 0) + 1
    return list(found.values())


_NOT_SEALED = (RecordState.CREATED.value, RecordState.HOMEROOM_SIGNED.value, RecordState.PRINCIPAL_SIGNED.value)


def due_days(year: m.SchoolYear) -> dict[int, date]:
    """The day before which the records of each class of a year have to be signed, where it is not the year's own.

    Where all that is missing are records of pupils whose summer was approved, they are due with the summer: the day after its
    freeze, not a day in May.
    """
    summer = (
        select(m.FrozenResult.id)
        .where(m.FrozenResult.enrollment_id == m.Enrollment.id, m.FrozenResult.freeze == "summer")
        .correlate(m.Enrollment)
        .exists()
    )
    rows = db.session.execute(
        select(m.Enrollment.class_group_id)
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .outerjoin(
            m.TranscriptRecord,
            and_(
                m.TranscriptRecord.enrollment_id == m.Enrollment.id,
                m.TranscriptRecord.state != RecordState.RECALLED.value,
            ),
        )
        .where(
            m.ClassGroup.school_year_id == year.id,
            m.ClassGroup.state == ClassState.APPROVED.value,
            m.Enrollment.status.in_(ACTIVE),
            m.Enrollment.left_on.is_(None),
            or_(m.TranscriptRecord.id.is_(None), m.TranscriptRecord.state.in_(_NOT_SEALED)),
        )
        .group_by(m.Enrollment.class_group_id)
        .having(func.count() == func.sum(case((summer, 1), else_=0)))
    )
    return {class_id: year.summer_freeze_on + timedelta(days=1) for (class_id,) in rows}
