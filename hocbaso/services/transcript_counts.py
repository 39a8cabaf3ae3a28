"""How many transcripts of each approved class stand where: what "today" lists and what reminders tell of."""

from __future__ import annotations

from sqlalchemy import and_, func, select

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
