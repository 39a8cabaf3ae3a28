"""What a new school imports, in which order, and how far it is: told to the office until the school stands."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import exists, func, select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.services import imports
from hocbaso.services.access import Actor


@dataclass(frozen=True, slots=True)
class FirstStep:
    """One table. ``kind``: of the import; ``n``: what is there already; ``mine``: whether this person imports it."""

    kind: str
    words: str
    done: bool
    n: int
    unit: str
    mine: bool


def first_steps(actor: Actor) -> tuple[FirstStep, ...]:
    """Staff, students, assignments, scores; empty once the first three are there, and for who does not import them."""
    if not {"students", "teachers", "assignments"} <= set(imports.kinds_for(actor)):
        return ()
    # The set-up makes only people with a role; a teacher without one came by the list or by hand.
    teachers = _count(select(func.count(m.Person.id)).where(~exists().where(m.RoleGrant.person_id == m.Person.id)))
    students = _count(
        select(func.count(m.Enrollment.id))
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .where(m.SchoolYear.state == "OPEN")
    )
    taught = _count(
        select(func.count(func.distinct(m.TeachingAssignment.class_subject_id)))
        .join(m.ClassSubject, m.ClassSubject.id == m.TeachingAssignment.class_subject_id)
        .join(m.ClassGroup, m.ClassGroup.id == m.ClassSubject.class_group_id)
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .where(m.SchoolYear.state == "OPEN")
    )
    if teachers and students and taught:
        return ()
    return (
        FirstStep("teachers", "Cán bộ, giáo viên", teachers > 0, teachers, "giáo viên", True),
        FirstStep("students", "Danh sách học sinh", students > 0, students, "học sinh", True),
        FirstStep("assignments", "Phân công", taught > 0, taught, "môn của các lớp", True),
        FirstStep("scores", "Điểm", False, 0, "", False),
    )


def _count(query: object) -> int:
    return int(db.session.scalar(query) or 0)  # type: ignore[call-overload]
