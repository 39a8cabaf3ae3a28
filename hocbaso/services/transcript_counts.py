"""How many transcripts of each approved class stand where: what "today" lists and what reminders tell of."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import and_, case, func, or_, select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.class_flow import ClassState
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
