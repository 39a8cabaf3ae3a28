"""What only the principal can decide about a pupil (``services/decisions``), once the sheets it rests on are locked.

Before that the results still move, and a decision would lapse with the next number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import case, func, select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.score_sheet_flow import SheetState
from hocbaso.services import class_gaps, results
from hocbaso.services.access import Actor, roles_reaching
from hocbaso.services.kept_answers import KeptAnswers


@dataclass(frozen=True, slots=True)
class Undecided:
    """A pupil about whom the principal decides. ``words``: a sentence for each matter."""

    enrollment_id: int
    student_name: str
    words: tuple[str, ...]


_KEPT: KeptAnswers[tuple[Undecided, ...]] = KeptAnswers(200)


def undecided(today: date) -> dict[int, tuple[Undecided, ...]]:
    """Class id -> pupils that wait for a decision, of every class of the open years that is not approved; classes without are left out.

    Semester I counts once all its sheets are locked, the year once all sheets are. Not scoped: callers check the actor.
    """
    unlocked = case((m.ScoreSheet.state == SheetState.LOCKED.value, 0), else_=1)
    rows = db.session.execute(
        select(
            m.ClassGroup.id,
            func.sum(case((m.ScoreSheet.semester == 1, unlocked), else_=0)).label("first"),
            func.sum(unlocked).label("both"),
        )
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .join(m.ClassSubject, m.ClassSubject.class_group_id == m.ClassGroup.id)
        .join(m.ScoreSheet, m.ScoreSheet.class_subject_id == m.ClassSubject.id)
        .where(m.SchoolYear.state == "OPEN", m.ClassGroup.state != ClassState.APPROVED.value)
        .group_by(m.ClassGroup.id)
    ).all()
    found = {}
    for row in rows:
        if not row.first and (one := _of_class(row.id, today, whole=not row.both)):
            found[row.id] = one
    return found


def _of_class(class_group_id: int, today: date, *, whole: bool) -> tuple[Undecided, ...]:
    prints = results.fingerprint(class_group_id)
    if not whole:
        prints = prints.of_first_semester()
    return _KEPT.of((class_group_id, whole, prints), lambda: _read(class_group_id, today, whole))


def _read(class_group_id: int, today: date, whole: bool) -> tuple[Undecided, ...]:
    found = []
    for row in results.compute_class(class_group_id, today).students:
        words = tuple(words for at, words in class_gaps.undecided(row) if whole or at == 0)
        if words:
            found.append(Undecided(row.given.enrollment_id, row.given.full_name, words))
    return tuple(found)


def waiting(actor: Actor, today: date) -> list[tuple[m.ClassGroup, Undecided]]:
    """What waits for this person, by grade level and class; nothing for who does not decide it (``decisions.record_decision``)."""
    if actor.is_system or not actor.may(Permission.DECISION_RECORD):
        return []
    found: Mapping[int, tuple[Undecided, ...]] = undecided(today)
    classes = [db.session.get_one(m.ClassGroup, class_id) for class_id in found]
    classes.sort(key=lambda row: (row.grade_level, row.name))
    return [(row, one) for row in classes if Role.PRINCIPAL in roles_reaching(actor, row) for one in found[row.id]]
