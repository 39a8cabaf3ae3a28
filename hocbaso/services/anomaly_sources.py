"""One score sheet with everything the questions hold it against, read in four statements and handed to the rules."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import and_, bindparam, or_, select

from hocbaso import models as m
from hocbaso.regulations.anomalies.sheet_data import (
    FINAL,
    MIDTERM,
    REMARK,
    Line,
    Mark,
    NeighbourClass,
    PastSemester,
    SheetData,
)
from hocbaso.regulations.registry import Regulation, regulation_named
from hocbaso.regulations.terms import PassFail, ScoreOrigin, SubjectKind
from hocbaso.services.score_grid import ACTIVE, columns_of
from hocbaso.services.score_lines import read_lines
from hocbaso.services.sheet_access import SheetHead, connection, table_of

_sheet = table_of(m.ScoreSheet)
_cell = table_of(m.ScoreCell)
_class_subject = table_of(m.ClassSubject)
_class_group = table_of(m.ClassGroup)
_year = table_of(m.SchoolYear)
_enrollment = table_of(m.Enrollment)
_earlier = table_of(m.Enrollment).alias("earlier")
_student = table_of(m.Student)
_assignment = table_of(m.TeachingAssignment)

_CLASSMATES = (
    select(_enrollment.c.id, _student.c.full_name)
    .join(_student, _student.c.id == _enrollment.c.student_id)
    .where(_enrollment.c.class_group_id == bindparam("class_group_id"))
)

_CELLS = select(
    _cell.c.enrollment_id, _cell.c.column_key, _cell.c.tenths, _cell.c.mark, _cell.c.remark, _cell.c.origin
).where(_cell.c.score_sheet_id == bindparam("sheet_id"))

_PAST = (
    select(
        _enrollment.c.id,
        _year.c.starts_on,
        _year.c.regulation_version,
        _sheet.c.semester,
        _class_subject.c.lessons_per_year,
        _cell.c.column_key,
        _cell.c.tenths,
    )
    .select_from(_enrollment)
    .join(_earlier, _earlier.c.student_id == _enrollment.c.student_id)
    .join(_cell, _cell.c.enrollment_id == _earlier.c.id)
    .join(_sheet, _sheet.c.id == _cell.c.score_sheet_id)
    .join(_class_subject, _class_subject.c.id == _sheet.c.class_subject_id)
    .join(_class_group, _class_group.c.id == _class_subject.c.class_group_id)
    .join(_year, _year.c.id == _class_group.c.school_year_id)
    .where(
        _enrollment.c.class_group_id == bindparam("class_group_id"),
        _class_subject.c.subject_id == bindparam("subject_id"),
        _cell.c.tenths.is_not(None),
        or_(
            _year.c.starts_on
            < select(_year.c.starts_on).where(_year.c.id == bindparam("school_year_id")).scalar_subquery(),
            and_(_year.c.id == bindparam("school_year_id"), _sheet.c.semester < bindparam("semester")),
        ),
    )
)

_BESIDE = (
    select(
        _class_subject.c.id,
        _class_group.c.name,
        _class_group.c.grade_level,
        _cell.c.enrollment_id,
        _cell.c.column_key,
        _cell.c.tenths,
    )
    .join(_sheet, _sheet.c.id == _cell.c.score_sheet_id)
    .join(_class_subject, _class_subject.c.id == _sheet.c.class_subject_id)
    .join(_class_group, _class_group.c.id == _class_subject.c.class_group_id)
    .join(_enrollment, _enrollment.c.id == _cell.c.enrollment_id)
    .join(_student, _student.c.id == _enrollment.c.student_id)
    .where(
        _class_group.c.school_year_id == bindparam("school_year_id"),
        _class_subject.c.subject_id == bindparam("subject_id"),
        _sheet.c.semester == bindparam("semester"),
        _sheet.c.id != bindparam("sheet_id"),
        _enrollment.c.status.in_(ACTIVE),
        _cell.c.tenths.is_not(None),
        or_(
            _class_group.c.grade_level == bindparam("grade_level"),
            _class_subject.c.id.in_(bindparam("taught", expanding=True)),
        ),
    )
    .order_by(_class_group.c.name, _student.c.sort_key, _enrollment.c.id)
)

_TAUGHT = select(_assignment.c.class_subject_id).where(_assignment.c.person_id.in_(bindparam("people", expanding=True)))


def sheet_data(head: SheetHead) -> SheetData:
    """The sheet as the rules read it. ``head`` was loaded through the actor, with its authors."""
    link = connection()
    rules = regulation_named(head.regulation_version)
    columns = {column.key: column.words for column in columns_of(head)}
    place = {
        "sheet_id": head.id,
        "class_group_id": head.class_group_id,
        "subject_id": head.subject_id,
        "school_year_id": head.school_year_id,
        "semester": head.semester,
        "grade_level": head.grade_level,
    }
    names = {row.id: row.full_name for row in link.execute(_CLASSMATES, place)}
    marks: dict[int, dict[str, Mark]] = {}
    remarks: dict[int, str] = {}
    for row in link.execute(_CELLS, place):
        if row.column_key == REMARK:
            remarks[row.enrollment_id] = row.remark or ""
        elif row.column_key in columns:
            marks.setdefault(row.enrollment_id, {})[row.column_key] = Mark(
                row.tenths,
                PassFail(row.mark) if row.mark else None,
                row.origin == ScoreOrigin.MISSED_UNEXCUSED.value,
            )
    scored = head.kind is SubjectKind.SCORED
    past = _past(head, place) if scored else {}
    lines = []
    for number, (enrollment_id, why_closed) in enumerate(read_lines(head).items(), 1):
        if why_closed:
            continue
        own = marks.get(enrollment_id, {})
        found = [own.get(key, Mark()) for key in columns]
        tenths, results = [one.tenths for one in found], [one.mark for one in found]
        lines.append(
            Line(
                number,
                enrollment_id,
                names.get(enrollment_id, ""),
                own,
                remarks.get(enrollment_id, ""),
                average=rules.semester_average(tenths[:-2], tenths[-2], tenths[-1]) if scored else None,
                result=None if scored else rules.comment_semester(results[:-2], results[-2], results[-1]),
                past=past.get(enrollment_id, ()),
            )
        )
    beside = _beside(head, place) if scored else ()
    return SheetData(head.kind, columns, tuple(lines), beside, tuple(names.values()))


def _past(head: SheetHead, place: Mapping[str, int]) -> dict[int, tuple[PastSemester, ...]]:
    """Earlier semesters of each pupil in this subject, in whichever class and year, the newest first."""
    rows: dict[int, dict[tuple[object, int], tuple[Regulation, int, dict[str, int]]]] = {}
    for row in connection().execute(_PAST, place):
        rules = regulation_named(row.regulation_version)
        n_regular = rules.regular_count(row.lessons_per_year, head.kind)
        semester = rows.setdefault(row.id, {}).setdefault((row.starts_on, row.semester), (rules, n_regular, {}))
        semester[2][row.column_key] = row.tenths
    return {
        enrollment_id: tuple(
            PastSemester(
                rules.semester_average(
                    [row.get(f"TX{number}") for number in range(1, n_regular + 1)], row.get(MIDTERM), row.get(FINAL)
                ),
                row.get(MIDTERM),
                row.get(FINAL),
            )
            for _, (rules, n_regular, row) in sorted(semesters.items(), key=lambda item: item[0], reverse=True)
        )
        for enrollment_id, semesters in rows.items()
    }


def _beside(head: SheetHead, place: Mapping[str, int]) -> tuple[NeighbourClass, ...]:
    """The classes with the same paper or the same teacher, each from the top of its sheet downwards."""
    people = [author.person_id for author in head.authors if author.in_force]
    taught = set(connection().scalars(_TAUGHT, {"people": people}))
    found: dict[int, tuple[str, int, dict[int, dict[str, int]]]] = {}
    for row in connection().execute(_BESIDE, {**place, "taught": list(taught)}):
        _, _, pupils = found.setdefault(row.id, (row.name, row.grade_level, {}))
        pupils.setdefault(row.enrollment_id, {})[row.column_key] = row.tenths
    return tuple(
        NeighbourClass(
            name,
            grade_level == head.grade_level,
            class_subject_id in taught,
            {column.key: tuple(row.get(column.key) for row in pupils.values()) for column in columns_of(head)},
        )
        for class_subject_id, (name, grade_level, pupils) in found.items()
    )
