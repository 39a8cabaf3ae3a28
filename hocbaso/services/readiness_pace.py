"""When whole steps of classes ended, and how many were left day by day: what the forecast of the board rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.class_flow import ClassVerb
from hocbaso.regulations.score_sheet_flow import SheetState, SheetVerb
from hocbaso.regulations.transcript_flow import RecordState
from hocbaso.services.score_grid import ACTIVE

_DAYS_BACK = 28
_REACHED_BY = (SheetState.SUBMITTED, SheetState.SUBMITTED, SheetState.REVIEWED, SheetState.APPROVED, SheetState.LOCKED)
"""The state whose last arrival ends each of the first five steps of ``readiness.STEPS``."""
_SUMMING = 5
_SIGNED_BY = {"homeroom": 6, "principal": 7, "seal": 8}


@dataclass(frozen=True, slots=True)
class BurnPoint:
    """Whole class steps that were left at the end of a day."""

    day: date
    n_left: int


def steps_done(year_id: int, done: Mapping[int, tuple[bool, ...]]) -> list[date]:
    """The days on which whole steps ended: the last result entered, the last sheet of a step, the class approved, the last signature.

    ``done``: class id -> whether each of the nine steps is finished now; only those have a day.
    """
    ends: dict[tuple[int, int], list[datetime]] = {}
    for class_id, to_state, at in db.session.execute(_sheet_ends(year_id)):
        for step, state in enumerate(_REACHED_BY):
            if state.value == to_state:
                ends.setdefault((class_id, step), []).append(at)
    for class_id, at in db.session.execute(_entry_ends(year_id)):
        ends.setdefault((class_id, 0), []).append(at)
    for class_id, at in db.session.execute(
        select(m.ClassStep.class_group_id, func.max(m.ClassStep.at))
        .join(m.ClassGroup, m.ClassGroup.id == m.ClassStep.class_group_id)
        .where(m.ClassGroup.school_year_id == year_id, m.ClassStep.verb == ClassVerb.APPROVE.value)
        .group_by(m.ClassStep.class_group_id)
    ):
        ends.setdefault((class_id, _SUMMING), []).append(at)
    for class_id, role, at in db.session.execute(_signing_ends(year_id)):
        ends.setdefault((class_id, _SIGNED_BY[role]), []).append(at)
    return [
        clock.local_date(max(ends[class_id, step]))
        for class_id, steps in done.items()
        for step, is_done in enumerate(steps)
        if is_done and (class_id, step) in ends
    ]


def _sheet_ends(year_id: int):  # type: ignore[no-untyped-def]
    return (
        select(m.ClassSubject.class_group_id, m.SheetStep.to_state, func.max(m.SheetStep.at))
        .join(m.ScoreSheet, m.ScoreSheet.id == m.SheetStep.score_sheet_id)
        .join(m.ClassSubject, m.ClassSubject.id == m.ScoreSheet.class_subject_id)
        .join(m.ClassGroup, m.ClassGroup.id == m.ClassSubject.class_group_id)
        .where(m.ClassGroup.school_year_id == year_id, m.SheetStep.verb != SheetVerb.TAKE_BACK.value)
        .group_by(m.ClassSubject.class_group_id, m.SheetStep.to_state)
    )


def _entry_ends(year_id: int):  # type: ignore[no-untyped-def]
    """The last result of sheets that are whole and were not handed in."""
    return (
        select(m.ClassSubject.class_group_id, func.max(m.ScoreCell.updated_at))
        .join(m.ScoreSheet, m.ScoreSheet.id == m.ScoreCell.score_sheet_id)
        .join(m.ClassSubject, m.ClassSubject.id == m.ScoreSheet.class_subject_id)
        .join(m.ClassGroup, m.ClassGroup.id == m.ClassSubject.class_group_id)
        .where(
            m.ClassGroup.school_year_id == year_id,
            m.ScoreSheet.state.in_([SheetState.DRAFT.value, SheetState.RETURNED.value]),
        )
        .group_by(m.ClassSubject.class_group_id)
    )


def _signing_ends(year_id: int):  # type: ignore[no-untyped-def]
    """The last signature of each kind on the records in force: a record that was made anew is signed anew."""
    return (
        select(m.Enrollment.class_group_id, m.TranscriptSignature.role, func.max(m.TranscriptSignature.signed_at))
        .join(m.TranscriptRecord, m.TranscriptRecord.id == m.TranscriptSignature.transcript_record_id)
        .join(m.Enrollment, m.Enrollment.id == m.TranscriptRecord.enrollment_id)
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .where(
            m.ClassGroup.school_year_id == year_id,
            m.TranscriptRecord.state != RecordState.RECALLED.value,
            m.Enrollment.status.in_(ACTIVE),
        )
        .group_by(m.Enrollment.class_group_id, m.TranscriptSignature.role)
    )


def burn(done_on: list[date], n_steps: int, n_left: int, today: date) -> tuple[BurnPoint, ...]:
    """Steps left day by day over the last weeks, ending with what is left now."""
    start = today - timedelta(days=_DAYS_BACK)
    points = []
    for offset in range(_DAYS_BACK + 1):
        day = start + timedelta(days=offset)
        later = sum(1 for done in done_on if done > day)
        points.append(BurnPoint(day, min(n_steps, n_left + later)))
    points[-1] = BurnPoint(today, n_left)
    return tuple(points)
