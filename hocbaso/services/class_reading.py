"""Reading a class in a handful of statements: its subjects and sheets, and what each student has in them.

The statements are built once; they run under the caller's transaction, with ``class_id`` and where needed ``today``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import bindparam, exists, func, or_, select

from hocbaso import models as m
from hocbaso.regulations.summer_flow import SummerState
from hocbaso.regulations.terms import SubjectKind
from hocbaso.services import audit
from hocbaso.services.student_inputs import (
    HOMEROOM_VALUES,
    DecisionFacts,
    Mark,
    SheetFacts,
    StudentInput,
    SubjectFacts,
    SubjectInput,
)

_sheet = m.ScoreSheet.__table__
_cell = m.ScoreCell.__table__
_class_subject = m.ClassSubject.__table__
_class_group = m.ClassGroup.__table__
_year = m.SchoolYear.__table__
_subject = m.Subject.__table__
_enrollment = m.Enrollment.__table__
_student = m.Student.__table__
_exemption = m.Exemption.__table__
_revocation = m.ExemptionRevocation.__table__
_inherited = m.InheritedResult.__table__
_record = m.HomeroomRecord.__table__
_summer = m.SummerResult.__table__
_decision = m.PrincipalDecision.__table__
_assignment = m.TeachingAssignment.__table__
_homeroom = m.HomeroomAssignment.__table__
_person = m.Person.__table__

HEAD = (
    select(
        _class_group.c.id,
        _class_group.c.name,
        _class_group.c.grade_level,
        _class_group.c.state,
        _class_group.c.version,
        _class_group.c.school_year_id,
        _year.c.label,
        _year.c.regulation_version,
    )
    .join(_year, _year.c.id == _class_group.c.school_year_id)
    .where(_class_group.c.id == bindparam("class_id"))
)
_SUBJECTS = (
    select(
        _class_subject.c.id,
        _class_subject.c.lessons_per_year,
        _subject.c.id.label("subject_id"),
        _subject.c.code,
        _subject.c.name,
        _subject.c.short_name,
        _subject.c.transcript_name,
        _subject.c.kind,
        _subject.c.sheet_order,
        _subject.c.transcript_order,
    )
    .join(_subject, _subject.c.id == _class_subject.c.subject_id)
    .where(_class_subject.c.class_group_id == bindparam("class_id"))
    .order_by(_subject.c.sheet_order, _class_subject.c.id)
)
SHEETS = (
    select(
        _sheet.c.id,
        _sheet.c.class_subject_id,
        _sheet.c.semester,
        _sheet.c.state,
        _sheet.c.version,
        _sheet.c.content_version,
    )
    .join(_class_subject, _class_subject.c.id == _sheet.c.class_subject_id)
    .where(_class_subject.c.class_group_id == bindparam("class_id"))
    .order_by(_sheet.c.id)
)
_STUDENT_FACTS = ("moet_code", "register_no", "birth_on", "sex", "personal_id_number")
STUDENTS = (
    select(
        _enrollment.c.id,
        _enrollment.c.status,
        _enrollment.c.first_semester,
        _student.c.id.label("student_id"),
        _student.c.full_name,
        _student.c.sort_key,
        _student.c.inclusive_disability,
        *(_student.c[name] for name in _STUDENT_FACTS),
    )
    .join(_student, _student.c.id == _enrollment.c.student_id)
    .where(_enrollment.c.class_group_id == bindparam("class_id"))
    .order_by(_student.c.sort_key, _enrollment.c.id)
)
_CELLS = select(
    _cell.c.score_sheet_id,
    _cell.c.enrollment_id,
    _cell.c.column_key,
    _cell.c.tenths,
    _cell.c.mark,
    _cell.c.remark,
    _cell.c.origin,
).where(_cell.c.score_sheet_id.in_(bindparam("sheets", expanding=True)))


def of_class(table: Any, *columns: Any) -> Any:
    return (
        select(*(columns or (table,)))
        .join(_enrollment, _enrollment.c.id == table.c.enrollment_id)
        .where(_enrollment.c.class_group_id == bindparam("class_id"))
        .order_by(table.c.id)
    )


_EXEMPTIONS = of_class(
    _exemption,
    _exemption.c.id,
    _exemption.c.enrollment_id,
    _exemption.c.subject_id,
    _exemption.c.semester,
    _exemption.c.state,
    exists()
    .where(_revocation.c.exemption_id == _exemption.c.id, _revocation.c.state == "PROPOSED")
    .label("is_revocation_asked"),
)
_INHERITED = of_class(
    _inherited,
    _inherited.c.id,
    _inherited.c.enrollment_id,
    _inherited.c.subject_id,
    _inherited.c.tenths,
    _inherited.c.mark,
    _inherited.c.state,
)
_RECORDS = of_class(_record)
_SUMMER = of_class(_summer)  # of all states: only approved rows count
_DECISIONS = of_class(_decision)
_TEACHERS = (
    select(_assignment.c.class_subject_id, _person.c.full_name, _assignment.c.starts_on, _assignment.c.ends_on)
    .join(_person, _person.c.id == _assignment.c.person_id)
    .join(_class_subject, _class_subject.c.id == _assignment.c.class_subject_id)
    .where(_class_subject.c.class_group_id == bindparam("class_id"), _assignment.c.starts_on <= bindparam("today"))
    .order_by(_assignment.c.starts_on.desc(), _assignment.c.id)
)
KEEPER = (
    select(_person.c.id, _person.c.full_name)
    .join(_homeroom, _homeroom.c.person_id == _person.c.id)
    .where(
        _homeroom.c.class_group_id == bindparam("class_id"),
        _homeroom.c.starts_on <= bindparam("today"),
        or_(_homeroom.c.ends_on.is_(None), _homeroom.c.ends_on >= bindparam("today")),
    )
    .order_by(_homeroom.c.starts_on.desc(), _homeroom.c.id.desc())
    .limit(1)
)


def _count_and_sum(table: Any, *values: Any) -> Any:
    return (
        select(func.count(), *(func.coalesce(func.sum(value), 0) for value in values))
        .select_from(table.join(_enrollment, _enrollment.c.id == table.c.enrollment_id))
        .where(_enrollment.c.class_group_id == bindparam("class_id"))
    )


_Rows = tuple[tuple[Any, ...], ...]


class SheetPrint(NamedTuple):
    """A sheet in a fingerprint: a row of :data:`SHEETS`."""

    id: int
    class_subject_id: int
    semester: int
    state: str
    version: int
    content_version: int


class ClassFingerprint(NamedTuple):
    """Everything that a class's results depend on: equal to another of the class while nothing of it has changed, and a key to keep answers by.

    It lives in memory alone. ``homeroom`` and ``summer``: how many rows, and the sum of their versions; the others: a tuple a row.
    """

    class_group: _Rows
    sheets: tuple[SheetPrint, ...]
    homeroom: _Rows
    summer: _Rows
    decisions: _Rows
    exemptions: _Rows
    inherited: _Rows
    students: _Rows
    subjects: _Rows
    teachers: _Rows
    keepers: _Rows

    def of_first_semester(self) -> ClassFingerprint:
        """Without what is typed in semester II and by the homeroom teacher, which says nothing about semester I."""
        return self._replace(sheets=tuple(sheet for sheet in self.sheets if sheet.semester == 1), homeroom=())


_PRINTS = {
    "class_group": select(_class_group.c.state, _class_group.c.version).where(
        _class_group.c.id == bindparam("class_id")
    ),
    "homeroom": _count_and_sum(_record, _record.c.version),
    "summer": _count_and_sum(_summer, _summer.c.version),
    "decisions": select(_decision.c.id)
    .join(_enrollment, _enrollment.c.id == _decision.c.enrollment_id)
    .where(_enrollment.c.class_group_id == bindparam("class_id"))
    .order_by(_decision.c.id),
    "exemptions": _EXEMPTIONS,
    "inherited": _INHERITED,
    "students": select(
        _enrollment.c.id, _enrollment.c.status, _enrollment.c.first_semester, _student.c.id, _student.c.version
    )
    .join(_student, _student.c.id == _enrollment.c.student_id)
    .where(_enrollment.c.class_group_id == bindparam("class_id"))
    .order_by(_enrollment.c.id),
    "subjects": select(
        _class_subject.c.id, _class_subject.c.lessons_per_year, _subject.c.transcript_name, _subject.c.kind
    )
    .join(_subject, _subject.c.id == _class_subject.c.subject_id)
    .where(_class_subject.c.class_group_id == bindparam("class_id"))
    .order_by(_class_subject.c.id),
    # The people are printed by name, and a name is corrected without touching the assignment.
    "teachers": select(
        _assignment.c.id, _assignment.c.person_id, _assignment.c.starts_on, _assignment.c.ends_on, _person.c.full_name
    )
    .join(_person, _person.c.id == _assignment.c.person_id)
    .join(_class_subject, _class_subject.c.id == _assignment.c.class_subject_id)
    .where(_class_subject.c.class_group_id == bindparam("class_id"))
    .order_by(_assignment.c.id),
    "keepers": select(
        _homeroom.c.id, _homeroom.c.person_id, _homeroom.c.starts_on, _homeroom.c.ends_on, _person.c.full_name
    )
    .join(_person, _person.c.id == _homeroom.c.person_id)
    .where(_homeroom.c.class_group_id == bindparam("class_id"))
    .order_by(_homeroom.c.id),
}


def read_fingerprint(link: Any, asked: dict[str, Any]) -> ClassFingerprint:
    return ClassFingerprint(
        sheets=tuple(SheetPrint(*row) for row in link.execute(SHEETS, asked)),
        **{name: tuple(tuple(row) for row in link.execute(wanted, asked)) for name, wanted in _PRINTS.items()},
    )


def read_subjects(link: Any, asked: dict[str, Any], today: date) -> tuple[SubjectFacts, ...]:
    sheets: dict[tuple[int, int], SheetFacts] = {}
    for row in link.execute(SHEETS, asked):
        sheets[row.class_subject_id, row.semester] = SheetFacts(
            row.id, row.semester, row.state, row.version, row.content_version
        )
    teachers: dict[int, list[str]] = {}
    past: dict[int, list[str]] = {}
    for row in link.execute(_TEACHERS, {**asked, "today": today}):
        place = teachers if row.ends_on is None or row.ends_on >= today else past
        place.setdefault(row.class_subject_id, []).append(row.full_name)
    return tuple(
        SubjectFacts(
            row.id,
            row.subject_id,
            row.code,
            row.name,
            row.short_name,
            row.transcript_name,
            SubjectKind(row.kind),
            row.lessons_per_year,
            row.sheet_order,
            row.transcript_order,
            (sheets.get((row.id, 1)), sheets.get((row.id, 2))),
            tuple(teachers.get(row.id) or past.get(row.id, [])[:1]),
        )
        for row in link.execute(_SUBJECTS, asked)
    )


def read_inputs(link: Any, asked: dict[str, Any], subjects: Sequence[SubjectFacts]) -> list[StudentInput]:
    by_sheet = {
        sheet.id: (subject.subject_id, index)
        for subject in subjects
        for index, sheet in enumerate(subject.sheets)
        if sheet is not None
    }
    # (enrolment, subject, semester index) -> column -> mark
    marks: dict[tuple[int, int, int], dict[str, Mark]] = {}
    remarks: dict[tuple[int, int, int], str] = {}
    kinds: dict[tuple[int | None, str | None, str], Mark] = {}  # marks repeat: one object each
    if by_sheet:
        for sheet_id, enrollment_id, column, tenths, mark, remark, origin in link.execute(
            _CELLS, {"sheets": list(by_sheet)}
        ):
            subject_id, index = by_sheet[sheet_id]
            if column == "NX":
                if remark:
                    remarks[enrollment_id, subject_id, index] = remark
                continue
            value = kinds.get((tenths, mark, origin))
            if value is None:
                value = kinds[tenths, mark, origin] = Mark(tenths, mark, origin)
            marks.setdefault((enrollment_id, subject_id, index), {})[column] = value
    exempt: set[tuple[int, int, int]] = set()
    pending: dict[int, int] = {}
    for row in link.execute(_EXEMPTIONS, asked):
        if row.state == "GRANTED":
            for index in (0, 1) if row.semester is None else (row.semester - 1,):
                exempt.add((row.enrollment_id, row.subject_id, index))
        if row.state == "PROPOSED" or row.is_revocation_asked:
            pending[row.enrollment_id] = pending.get(row.enrollment_id, 0) + 1
    inherited: dict[tuple[int, int], str | None] = {}
    awaited: set[int] = set()
    for row in link.execute(_INHERITED, asked):
        if row.state == "ACCEPTED":
            inherited[row.enrollment_id, row.subject_id] = Mark(row.tenths, row.mark, "entered").text
        elif row.state == "PROPOSED":
            awaited.add(row.enrollment_id)
    records = {row["enrollment_id"]: row for row in link.execute(_RECORDS, asked).mappings()}
    summer: dict[tuple[int, int | None], Any] = {
        (row.enrollment_id, row.subject_id): row
        for row in link.execute(_SUMMER, asked)
        if row.state == SummerState.APPROVED.value
    }
    decisions: dict[int, dict[tuple[str, str], DecisionFacts]] = {}
    for row in link.execute(_DECISIONS, asked):
        decisions.setdefault(row.enrollment_id, {})[row.kind, row.term] = DecisionFacts(
            row.id, row.kind, row.term, row.outcome, row.reason, row.document, row.decided_at, row.basis
        )
    over = {enrollment_id for enrollment_id, _ in summer}  # a pupil's entries are approved together
    nothing: dict[str, Mark] = {}
    given = []
    for row in link.execute(STUDENTS, asked).mappings():
        enrollment_id = row["id"]
        record = records.get(enrollment_id)
        lines = []
        for subject in subjects:
            at = (enrollment_id, subject.subject_id)
            again = summer.get(at)
            lines.append(
                SubjectInput(
                    subject,
                    ((*at, 0) in exempt, (*at, 1) in exempt),
                    (marks.get((*at, 0), nothing), marks.get((*at, 1), nothing)),
                    (remarks.get((*at, 0)), remarks.get((*at, 1))),
                    Mark(again.tenths, again.mark, "entered").text if again is not None else None,
                    inherited.get(at),
                )
            )
        trained = summer.get((enrollment_id, None))
        given.append(
            StudentInput(
                enrollment_id=enrollment_id,
                student_id=row["student_id"],
                full_name=row["full_name"],
                sort_key=row["sort_key"],
                status=row["status"],
                facts={name: audit.plain(row[name]) for name in _STUDENT_FACTS},
                inclusive_disability=bool(row["inclusive_disability"]),
                subjects=tuple(lines),
                homeroom={name: record[name] if record is not None else None for name in HOMEROOM_VALUES},
                homeroom_version=record["version"] if record is not None else 0,
                conduct_after_summer=trained.conduct if trained is not None else None,
                decisions=tuple(decisions.get(enrollment_id, {}).values()),
                pending_exemptions=pending.get(enrollment_id, 0),
                first_semester=row["first_semester"],
                has_pending_inherited=enrollment_id in awaited,
                summer_over=enrollment_id in over,
            )
        )
    return given
