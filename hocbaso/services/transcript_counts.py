"""How many transcripts of each approved class stand where: what "today" lists and what reminders tell of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import and_, case, func, or_, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.conclusion_cases import CaseState
from hocbaso.regulations.correction_flow import due_before
from hocbaso.regulations.transcript_flow import RecordState
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


@dataclass(frozen=True, slots=True)
class Replacing:
    """Records of a class of a closed year that have to be made anew, because the one before was recalled.

    ``by_state`` as of :func:`records_by_state`; ``before``: a recalled record leaves a family without one, so that the next is due as an answer to
    a request is (``correction_flow.due_before``).
    """

    class_group_id: int
    year_label: str
    by_state: dict[RecordState | None, int]
    before: date


def replacing() -> list[Replacing]:
    """What has to be made anew of closed years: a year is turned only when all its records are sealed, so nothing else is missing."""
    gone = (
        select(m.TranscriptRecord.enrollment_id, func.max(m.TranscriptRecord.recalled_at).label("recalled_at"))
        .where(m.TranscriptRecord.state == RecordState.RECALLED.value)
        .group_by(m.TranscriptRecord.enrollment_id)
        .subquery()
    )
    found: dict[int, Replacing] = {}
    for class_id, label, state, recalled_at in db.session.execute(
        select(m.ClassGroup.id, m.SchoolYear.label, m.TranscriptRecord.state, gone.c.recalled_at)
        .select_from(m.Enrollment)
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
            m.SchoolYear.state != "OPEN",
            m.ClassGroup.state == ClassState.APPROVED.value,
            m.Enrollment.status.in_(ACTIVE),
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
        one = found.setdefault(class_id, Replacing(class_id, label, {}, before))
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
