"""Who teaches what: a class's plan, and handing a subject or the class itself to another teacher."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import or_, select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import Invalid, NotFound
from hocbaso.regulations.permissions import Permission
from hocbaso.services import duties, roster
from hocbaso.services.access import Actor
from hocbaso.services.in_force import has_left


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A subject of the class: who teaches it today, since when, and who follows."""

    class_subject_id: int
    subject: str
    lessons_per_year: int
    person_id: int | None
    teacher: str | None
    since: date | None
    until: date | None
    next_teacher: str | None
    next_from: date | None


@dataclass(frozen=True, slots=True)
class ClassPlan:
    """The assignments of one class."""

    class_group_id: int
    name: str
    year_label: str
    starts_on: date
    ends_on: date
    homeroom: PlanRow
    rows: tuple[PlanRow, ...]


def classes_of_open_year(actor: Actor) -> list[tuple[int, str]]:
    """(id, name) of the open year's classes, by grade level and name. Needs ``assignment:edit``; empty without a year."""
    actor.require(Permission.ASSIGNMENT_EDIT)
    try:
        year = roster.open_year()
    except NotFound:
        return []
    rows = db.session.execute(
        select(m.ClassGroup.id, m.ClassGroup.name)
        .where(m.ClassGroup.school_year_id == year.id)
        .order_by(m.ClassGroup.grade_level, m.ClassGroup.name)
    )
    return [(number, name) for number, name in rows]


def teachers(today: date) -> list[tuple[int, str]]:
    """(id, name and code) of everybody who works at the school today, by given name."""
    rows = db.session.execute(
        select(m.Person.id, m.Person.full_name, m.Person.staff_code)
        .where(or_(m.Person.left_on.is_(None), m.Person.left_on >= today))
        .order_by(m.Person.sort_key)
    )
    return [(person_id, f"{name} ({code})") for person_id, name, code in rows]


def class_plan(actor: Actor, class_group_id: int, today: date) -> ClassPlan:
    """Who keeps the class and who teaches each subject. Needs ``assignment:edit``."""
    actor.require(Permission.ASSIGNMENT_EDIT)
    class_group = db.session.get(m.ClassGroup, class_group_id)
    if class_group is None:
        raise NotFound("Không có lớp này.")
    keepers = list(
        db.session.scalars(select(m.HomeroomAssignment).where(m.HomeroomAssignment.class_group_id == class_group_id))
    )
    rows = []
    for offered, subject in db.session.execute(
        select(m.ClassSubject, m.Subject)
        .join(m.Subject)
        .where(m.ClassSubject.class_group_id == class_group_id)
        .order_by(m.Subject.sheet_order)
    ):
        held = list(
            db.session.scalars(select(m.TeachingAssignment).where(m.TeachingAssignment.class_subject_id == offered.id))
        )
        rows.append(_plan_row(offered.id, subject.name, offered.lessons_per_year, held, today))
    year = class_group.school_year
    return ClassPlan(
        class_group_id,
        class_group.name,
        year.label,
        year.starts_on,
        year.ends_on,
        _plan_row(0, "Chủ nhiệm", 0, keepers, today),
        tuple(rows),
    )


def _plan_row(class_subject_id: int, subject: str, lessons: int, held: list[Any], today: date) -> PlanRow:
    living = [row for row in held if row.ends_on is None or row.ends_on >= row.starts_on]
    present = next(
        (row for row in living if row.starts_on <= today and (row.ends_on is None or row.ends_on >= today)), None
    )
    coming = min((row for row in living if row.starts_on > today), key=lambda row: row.starts_on, default=None)
    return PlanRow(
        class_subject_id,
        subject,
        lessons,
        present.person_id if present else None,
        present.person.full_name if present else None,
        present.starts_on if present else None,
        present.ends_on if present else None,
        coming.person.full_name if coming else None,
        coming.starts_on if coming else None,
    )


def hand_over(
    actor: Actor, class_group_id: int, class_subject_id: int | None, person_id: int, starts_on: date, now: datetime
) -> None:
    """Give a subject of a class (or, for None, the class itself) to a teacher from a day on.

    The one who had it keeps it to the day before, and what they wrote stays theirs. It ends with the teacher's last working
    day, where one is entered. Needs ``assignment:edit``; Invalid
    for a day outside the school year, a person who has left, oneself, or whoever never touches scores (IT officer, clerk).
    """
    actor.require(Permission.ASSIGNMENT_EDIT)
    class_group = db.session.get(m.ClassGroup, class_group_id)
    if class_group is None:
        raise NotFound("Không có lớp này.")
    year = class_group.school_year
    if not year.starts_on <= starts_on <= year.ends_on:
        raise Invalid(f"Ngày bắt đầu phải trong năm học {year.label.replace('-', '–')}.", field="starts_on")
    person = db.session.get(m.Person, person_id)
    if person is None or has_left(person, starts_on):
        raise Invalid("Xin chọn người đang làm việc ở trường.", field="person_id")
    if why_not := duties.why_not(actor, person_id, starts_on):
        raise Invalid(why_not, field="person_id")
    if class_subject_id is None:
        roster.assign_homeroom(actor, class_group_id, person_id, now, starts_on=starts_on)
        return
    offered = db.session.get(m.ClassSubject, class_subject_id)
    if offered is None or offered.class_group_id != class_group_id:
        raise NotFound("Lớp này không học môn ấy.")
    roster.assign_teacher(actor, class_subject_id, person_id, now, starts_on=starts_on)
