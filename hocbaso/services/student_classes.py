"""The classes whose profiles a person may open, with how many students each has: the way to a student without searching."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.enrollment_flow import HERE, EnrollmentStatus
from hocbaso.regulations.permissions import Permission
from hocbaso.services.access import Actor, reaches_class
from hocbaso.services.score_grid import ACTIVE


@dataclass(frozen=True, slots=True)
class StudentClass:
    """One class of the list. ``n_students``: those who are in it now."""

    class_group_id: int
    name: str
    grade_level: int
    n_students: int


@dataclass(frozen=True, slots=True)
class StudentYear:
    """The classes of one school year by grade level and name."""

    label: str
    is_open: bool
    classes: tuple[StudentClass, ...]

    @property
    def n_students(self) -> int:
        """Students in these classes."""
        return sum(row.n_students for row in self.classes)


def years_with_classes(actor: Actor) -> list[StudentYear]:
    """The school years with classes within this person's reach, the latest first. Needs ``student:read``."""
    actor.require(Permission.STUDENT_READ)
    counted = dict(
        db.session.execute(
            select(m.Enrollment.class_group_id, func.count())
            .where(m.Enrollment.status.in_(ACTIVE))
            .group_by(m.Enrollment.class_group_id)
        )
        .tuples()
        .all()
    )
    found: dict[m.SchoolYear, list[StudentClass]] = {}
    for row, year in db.session.execute(
        select(m.ClassGroup, m.SchoolYear)
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .order_by(m.SchoolYear.starts_on.desc(), m.ClassGroup.grade_level, m.ClassGroup.name)
    ):
        if reaches_class(actor, row.id, Permission.STUDENT_READ):
            one = StudentClass(row.id, row.name, row.grade_level, counted.get(row.id, 0))
            found.setdefault(year, []).append(one)
    return [StudentYear(year.label, year.state == "OPEN", tuple(classes)) for year, classes in found.items()]


def places_of_year(enrollment: m.Enrollment) -> list[int]:
    """The pupil's places of the same school year, this one among them: what hangs on a place that closed holds for the year."""
    return list(
        db.session.scalars(
            select(m.Enrollment.id)
            .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
            .where(
                m.Enrollment.student_id == enrollment.student_id,
                m.ClassGroup.school_year_id == enrollment.class_group.school_year_id,
            )
        )
    )


def moved_to(class_group_id: int) -> dict[int, str]:
    """Places of a class that pupils left for another class of the year -> the name of the class they are in."""
    here, other = aliased(m.Enrollment), aliased(m.Enrollment)
    group, other_group = aliased(m.ClassGroup), aliased(m.ClassGroup)
    rows = db.session.execute(
        select(here.id, other_group.name)
        .join(group, group.id == here.class_group_id)
        .join(other, other.student_id == here.student_id)
        .join(other_group, other_group.id == other.class_group_id)
        .where(
            here.class_group_id == class_group_id,
            here.status == EnrollmentStatus.MOVED.value,
            other.status.in_(sorted(HERE)),
            other_group.school_year_id == group.school_year_id,
        )
    )
    return {row.id: row.name for row in rows}


def place_of(student_id: int) -> m.Enrollment | None:
    """The pupil's place in the open year, read afresh."""
    return db.session.scalar(
        select(m.Enrollment)
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .where(
            m.Enrollment.student_id == student_id,
            m.Enrollment.status.in_(sorted(HERE)),
            m.SchoolYear.state == "OPEN",
        )
        .order_by(m.SchoolYear.starts_on.desc(), m.Enrollment.id.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )
