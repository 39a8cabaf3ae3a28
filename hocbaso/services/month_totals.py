"""What is stored of absences by month, and which totals of the homeroom part follow from it (docs/decisions/0041)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import aliased

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.attendance_months import EXCUSED, UNEXCUSED, MonthColumn, month_columns
from hocbaso.regulations.enrollment_flow import EnrollmentStatus

TOTAL_FIELDS = {
    (1, EXCUSED): "absences_excused_1",
    (1, UNEXCUSED): "absences_unexcused_1",
    (2, EXCUSED): "absences_excused_2",
    (2, UNEXCUSED): "absences_unexcused_2",
}
"""(semester, kind) -> the field of the homeroom part that holds the total."""

Cells = Mapping[int, Mapping[tuple[str, str], m.MonthAbsence]]
"""enrolment -> (column key, kind) -> row"""


def columns_of(class_group: m.ClassGroup) -> tuple[MonthColumn, ...]:
    """The months of the class's year: a semester ends when its window of entry closes, as for who comes from elsewhere."""
    year = class_group.school_year
    ends: dict[int, tuple[bool, date]] = {}
    for row in db.session.scalars(
        select(m.SemesterWindow).where(
            m.SemesterWindow.school_year_id == year.id,
            or_(m.SemesterWindow.grade_level.is_(None), m.SemesterWindow.grade_level == class_group.grade_level),
        )
    ):
        own = row.grade_level is not None
        if row.semester not in ends or own:
            ends[row.semester] = (own, row.closes_on)
    last = year.data_complete_before - timedelta(1)
    second = ends[2][1] if 2 in ends else last
    return month_columns(year.starts_on, ends[1][1] if 1 in ends else second, second)


def whole_month(semester: int, month: str) -> MonthColumn:
    """A month (``2026-09``) with all its days: of one that a later calendar no longer has, and for its words."""
    first = date.fromisoformat(f"{month}-01")
    after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return MonthColumn(semester, month, first, after - timedelta(1))


def cells_of(enrollment_ids: Collection[int]) -> Cells:
    """The stored months of these pupils, read anew."""
    found: dict[int, dict[tuple[str, str], m.MonthAbsence]] = {}
    for row in db.session.scalars(
        select(m.MonthAbsence)
        .where(m.MonthAbsence.enrollment_id.in_(enrollment_ids))
        .order_by(m.MonthAbsence.id)
        .execution_options(populate_existing=True)
    ):
        found.setdefault(row.enrollment_id, {})[f"{row.semester}-{row.month}", row.kind] = row
    return found


def write_cell(
    cell: m.MonthAbsence | None,
    enrollment_id: int,
    column: MonthColumn,
    kind: str,
    sessions: int | None,
    by: int | None,
    now: datetime,
) -> m.MonthAbsence:
    """Give a month its sessions under the next version of its row, in the name of the account ``by``; the row, a new one where there was
    none. Not flushed; the entry is the caller's."""
    if cell is None:
        cell = m.MonthAbsence(
            enrollment_id=enrollment_id, semester=column.semester, month=column.month, kind=kind, version=0
        )
        db.session.add(cell)
    cell.sessions = sessions
    cell.version += 1
    cell.updated_at, cell.updated_by = now, by
    return cell


def counts_of(cells: Mapping[tuple[str, str], m.MonthAbsence], semester: int, kind: str) -> dict[str, int | None]:
    """Column key -> sessions of one semester and kind."""
    return {key: row.sessions for (key, of), row in cells.items() if of == kind and row.semester == semester}


def came_later(enrollments: Collection[m.Enrollment]) -> dict[int, date]:
    """Enrolment -> the day of coming, of the pupils who were not in the class from the start: from another school, or put into another grade
    level. Who changed class brings the months along (``services/class_changes``) and was here from the start."""
    ids = [row.id for row in enrollments]
    other = aliased(m.Enrollment)
    group, other_group = aliased(m.ClassGroup), aliased(m.ClassGroup)
    moved = set(
        db.session.scalars(
            select(m.Enrollment.id)
            .join(group, group.id == m.Enrollment.class_group_id)
            .join(other, other.student_id == m.Enrollment.student_id)
            .join(other_group, other_group.id == other.class_group_id)
            .where(
                m.Enrollment.id.in_(ids),
                other.id != m.Enrollment.id,
                other.status == EnrollmentStatus.MOVED.value,
                other_group.school_year_id == group.school_year_id,
                other_group.grade_level != group.grade_level,
            )
        )
    )
    return {
        row.id: row.joined_on
        for row in enrollments
        if row.status == EnrollmentStatus.TRANSFERRED_IN.value or row.id in moved
    }


def summed_fields(enrollment_ids: Collection[int]) -> frozenset[tuple[int, str]]:
    """(enrolment, field) of the totals that months stand behind, and so are not typed by hand."""
    rows = db.session.execute(
        select(m.MonthAbsence.enrollment_id, m.MonthAbsence.semester, m.MonthAbsence.kind)
        .where(m.MonthAbsence.enrollment_id.in_(enrollment_ids), m.MonthAbsence.sessions.is_not(None))
        .distinct()
    )
    return frozenset((row.enrollment_id, TOTAL_FIELDS[row.semester, row.kind]) for row in rows)
