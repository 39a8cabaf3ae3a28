"""Results of a class: read in a handful of statements, evaluated by the year's regulation, frozen when approved.

A frozen result holds everything that the transcript prints and what it was computed from; a transcript never reads a
live sheet (house.md, Data at rest). Its text is canonical JSON, described in :func:`frozen_content`.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from threading import Lock
from typing import Any

from sqlalchemy import and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from hocbaso import models as m
from hocbaso.db import db, in_write_transaction
from hocbaso.errors import IntegrityFault, NotFound
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.hash_chain import canonical_json
from hocbaso.regulations.score_values import format_score, to_point
from hocbaso.regulations.terms import Award, Level, Promotion, ScoreOrigin, SubjectKind
from hocbaso.services import audit
from hocbaso.services.access import Actor
from hocbaso.services.evaluation import Evaluated, evaluate_student, value_of
from hocbaso.services.score_grid import ACTIVE

__all__ = [
    "ClassResults",
    "StudentInput",
    "StudentResult",
    "SubjectFacts",
    "audit_faults_of_class",
    "audit_faults_of_sheets",
    "compute_class",
    "fingerprint",
    "freeze_class",
    "frozen_content",
    "read_frozen",
    "require_untouched",
    "value_of",
]

FORMAT = "frozen-result-1"

AWARD_WORDS = {Award.EXCELLENT_STUDENT: "Học sinh Xuất sắc", Award.GOOD_STUDENT: "Học sinh Giỏi"}
"""Titles as the form writes them (Art. 15.1a)."""

COLUMN_WORDS = {
    "TX1": "thường xuyên 1",
    "TX2": "thường xuyên 2",
    "TX3": "thường xuyên 3",
    "TX4": "thường xuyên 4",
    "GK": "giữa kì",
    "CK": "cuối kì",
    "NX": "nhận xét",
}

_sheet = m.ScoreSheet.__table__
_cell = m.ScoreCell.__table__
_class_subject = m.ClassSubject.__table__
_class_group = m.ClassGroup.__table__
_year = m.SchoolYear.__table__
_subject = m.Subject.__table__
_enrollment = m.Enrollment.__table__
_student = m.Student.__table__
_exemption = m.Exemption.__table__
_record = m.HomeroomRecord.__table__
_summer = m.SummerResult.__table__
_decision = m.PrincipalDecision.__table__
_assignment = m.TeachingAssignment.__table__
_homeroom = m.HomeroomAssignment.__table__
_person = m.Person.__table__
_entry = m.AuditEntry.__table__

HOMEROOM_VALUES = (
    "conduct_1",
    "conduct_2",
    "absences_excused_1",
    "absences_unexcused_1",
    "absences_excused_2",
    "absences_unexcused_2",
    "remark",
    "award_extra",
    "competitions",
    "certificates",
    "certificates_grade",
)


@dataclass(frozen=True, slots=True)
class Mark:
    """One assessment as it stands: whole tenths or ``Đ``/``CĐ``, and where it comes from."""

    tenths: int | None
    mark: str | None
    origin: str

    @property
    def text(self) -> str | None:
        """``"8.5"``, ``"Đ"``, ``"CĐ"`` or None: as the rule engine and the transcript write it."""
        return to_point(self.tenths) if self.tenths is not None else self.mark


@dataclass(frozen=True, slots=True)
class SheetFacts:
    """A sheet of the class: where it stands."""

    id: int
    semester: int
    state: str
    version: int
    content_version: int


@dataclass(frozen=True, slots=True)
class SubjectFacts:
    """A subject of the class with its two sheets and who teaches it now (or taught it last)."""

    class_subject_id: int
    subject_id: int
    code: str
    name: str
    short_name: str
    transcript_name: str
    kind: SubjectKind
    lessons_per_year: int
    sheet_order: int
    transcript_order: int
    sheets: tuple[SheetFacts | None, SheetFacts | None]
    teachers: tuple[str, ...]

    @property
    def is_locked(self) -> bool:
        """Whether both sheets are locked."""
        return all(sheet is not None and sheet.state == "LOCKED" for sheet in self.sheets)


@dataclass(frozen=True, slots=True)
class DecisionFacts:
    """A decision of the principal that stands in for the rule (the latest of its kind and term)."""

    id: int
    kind: str
    term: str
    outcome: str
    reason: str
    document: str | None
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class SubjectInput:
    """What one student has in one subject: marks by column and semester, remarks, exemption, re-assessment."""

    subject: SubjectFacts
    exempt: tuple[bool, bool]
    marks: tuple[Mapping[str, Mark], Mapping[str, Mark]]
    remarks: tuple[str | None, str | None]
    reassessed: str | None = None


@dataclass(frozen=True, slots=True)
class StudentInput:
    """Everything the regulation asks about one student of the class."""

    enrollment_id: int
    student_id: int
    full_name: str
    sort_key: str
    status: str
    facts: Mapping[str, Any]
    inclusive_disability: bool
    subjects: tuple[SubjectInput, ...]
    homeroom: Mapping[str, Any]
    homeroom_version: int
    conduct_after_summer: str | None
    decisions: tuple[DecisionFacts, ...]
    pending_exemptions: int

    @property
    def is_active(self) -> bool:
        """Whether the student is still in the class."""
        return self.status in ACTIVE

    def absences(self) -> int | None:
        """Absences of the year, with and without leave; None while one of the four is not recorded."""
        found = [self.homeroom.get(name) for name in HOMEROOM_VALUES[2:6]]
        return None if any(value is None for value in found) else sum(found)  # type: ignore[arg-type]

    def decision(self, kind: str, term: str = "year") -> DecisionFacts | None:
        """The decision in force of this kind and term."""
        return next((row for row in self.decisions if row.kind == kind and row.term == term), None)


@dataclass(frozen=True, slots=True)
class StudentResult:
    """A student of the class with what the regulation concludes."""

    given: StudentInput
    result: Evaluated


@dataclass(frozen=True, slots=True)
class ClassResults:
    """A class at one moment. ``students`` are those still in the class, in register order; ``left`` the others."""

    class_group_id: int
    class_name: str
    grade_level: int
    state: str
    version: int
    school_year_id: int
    year_label: str
    regulation_version: str
    subjects: tuple[SubjectFacts, ...]
    students: tuple[StudentResult, ...]
    left: tuple[StudentInput, ...]
    homeroom_person_id: int | None
    homeroom_name: str | None
    fingerprint: tuple[Any, ...]
    by_id: Mapping[int, StudentResult] = field(default_factory=dict)

    @property
    def sheet_ids(self) -> tuple[int, ...]:
        """Ids of all sheets of the class."""
        return tuple(sheet.id for subject in self.subjects for sheet in subject.sheets if sheet is not None)


def comma(text: str | None) -> str:
    """A stored result as people read it: ``8,5``; "" for None."""
    return (text or "").replace(".", ",")


# --- reading ------------------------------------------------------------------------------------------------------------

_HEAD = (
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
_SHEETS = (
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
_STUDENTS = (
    select(
        _enrollment.c.id,
        _enrollment.c.status,
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


def _of_class(table: Any, *columns: Any) -> Any:
    return (
        select(*(columns or (table,)))
        .join(_enrollment, _enrollment.c.id == table.c.enrollment_id)
        .where(_enrollment.c.class_group_id == bindparam("class_id"))
        .order_by(table.c.id)
    )


_EXEMPTIONS = _of_class(
    _exemption,
    _exemption.c.id,
    _exemption.c.enrollment_id,
    _exemption.c.subject_id,
    _exemption.c.semester,
    _exemption.c.state,
)
_RECORDS = _of_class(_record)
_SUMMER = _of_class(_summer)
_DECISIONS = _of_class(_decision)
_TEACHERS = (
    select(_assignment.c.class_subject_id, _person.c.full_name, _assignment.c.starts_on, _assignment.c.ends_on)
    .join(_person, _person.c.id == _assignment.c.person_id)
    .join(_class_subject, _class_subject.c.id == _assignment.c.class_subject_id)
    .where(_class_subject.c.class_group_id == bindparam("class_id"), _assignment.c.starts_on <= bindparam("today"))
    .order_by(_assignment.c.starts_on.desc(), _assignment.c.id)
)
_KEEPER = (
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


_PRINTS = (
    select(_class_group.c.state, _class_group.c.version).where(_class_group.c.id == bindparam("class_id")),
    _SHEETS,
    _count_and_sum(_record, _record.c.version),
    _count_and_sum(_summer, _summer.c.version),
    select(_decision.c.id)
    .join(_enrollment, _enrollment.c.id == _decision.c.enrollment_id)
    .where(_enrollment.c.class_group_id == bindparam("class_id"))
    .order_by(_decision.c.id),
    _EXEMPTIONS,
    select(_enrollment.c.id, _enrollment.c.status, _student.c.id, _student.c.version)
    .join(_student, _student.c.id == _enrollment.c.student_id)
    .where(_enrollment.c.class_group_id == bindparam("class_id"))
    .order_by(_enrollment.c.id),
    select(_class_subject.c.id, _class_subject.c.lessons_per_year)
    .where(_class_subject.c.class_group_id == bindparam("class_id"))
    .order_by(_class_subject.c.id),
    select(_assignment.c.id, _assignment.c.person_id, _assignment.c.ends_on)
    .join(_class_subject, _class_subject.c.id == _assignment.c.class_subject_id)
    .where(_class_subject.c.class_group_id == bindparam("class_id"))
    .order_by(_assignment.c.id),
    select(_homeroom.c.id, _homeroom.c.person_id, _homeroom.c.ends_on)
    .where(_homeroom.c.class_group_id == bindparam("class_id"))
    .order_by(_homeroom.c.id),
)


def fingerprint(class_group_id: int) -> tuple[Any, ...]:
    """Grows or changes with anything that a class's results depend on; ten small statements."""
    link = db.session.connection()
    return tuple(
        tuple(tuple(row) for row in link.execute(statement, {"class_id": class_group_id})) for statement in _PRINTS
    )


class _Kept:
    """The last classes computed, bounded; the key says which base, class, content and day."""

    def __init__(self, limit: int = 20) -> None:
        self._limit = limit
        self._kept: OrderedDict[tuple[Any, ...], ClassResults] = OrderedDict()
        self._mutex = Lock()

    def get(self, key: tuple[Any, ...]) -> ClassResults | None:
        with self._mutex:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: tuple[Any, ...], value: ClassResults) -> None:
        with self._mutex:
            self._kept[key] = value
            while len(self._kept) > self._limit:
                self._kept.popitem(last=False)


_KEPT = _Kept()


def compute_class(class_group_id: int, today: date, *, fresh: bool = False) -> ClassResults:
    """The class with every student evaluated. Not scoped: callers check the actor.

    Kept by content between calls unless ``fresh``. Raises NotFound for an unknown class.
    """
    prints = fingerprint(class_group_id)
    key = (str(db.engine.url), class_group_id, today, prints)
    if not fresh:
        kept = _KEPT.get(key)
        if kept is not None:
            return kept
    computed = _compute(class_group_id, today, prints)
    if not in_write_transaction():  # what is not committed may still be taken back
        _KEPT.put(key, computed)
    return computed


def _compute(class_group_id: int, today: date, prints: tuple[Any, ...]) -> ClassResults:
    link = db.session.connection()
    asked = {"class_id": class_group_id}
    head = link.execute(_HEAD, asked).first()
    if head is None:
        raise NotFound("Không có lớp này.")
    subjects = _subjects(link, asked, today)
    keeper = link.execute(_KEEPER, {**asked, "today": today}).first()
    given = _inputs(link, asked, subjects)
    students = tuple(
        StudentResult(row, evaluate_student(row, head.grade_level, head.regulation_version))
        for row in given
        if row.is_active
    )
    return ClassResults(
        class_group_id=head.id,
        class_name=head.name,
        grade_level=head.grade_level,
        state=head.state,
        version=head.version,
        school_year_id=head.school_year_id,
        year_label=head.label,
        regulation_version=head.regulation_version,
        subjects=subjects,
        students=students,
        left=tuple(row for row in given if not row.is_active),
        homeroom_person_id=keeper.id if keeper else None,
        homeroom_name=keeper.full_name if keeper else None,
        fingerprint=prints,
        by_id={row.given.enrollment_id: row for row in students},
    )


def _subjects(link: Any, asked: dict[str, Any], today: date) -> tuple[SubjectFacts, ...]:
    sheets: dict[tuple[int, int], SheetFacts] = {}
    for row in link.execute(_SHEETS, asked):
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


def _inputs(link: Any, asked: dict[str, Any], subjects: Sequence[SubjectFacts]) -> list[StudentInput]:
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
        elif row.state == "PROPOSED":
            pending[row.enrollment_id] = pending.get(row.enrollment_id, 0) + 1
    records = {row["enrollment_id"]: row for row in link.execute(_RECORDS, asked).mappings()}
    summer: dict[tuple[int, int | None], Any] = {
        (row.enrollment_id, row.subject_id): row for row in link.execute(_SUMMER, asked)
    }
    decisions: dict[int, dict[tuple[str, str], DecisionFacts]] = {}
    for row in link.execute(_DECISIONS, asked):
        decisions.setdefault(row.enrollment_id, {})[row.kind, row.term] = DecisionFacts(
            row.id, row.kind, row.term, row.outcome, row.reason, row.document, row.decided_at
        )
    nothing: dict[str, Mark] = {}
    given = []
    for row in link.execute(_STUDENTS, asked).mappings():
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
            )
        )
    return given


# --- nothing changed behind the application's back ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ValueFault:
    """A stored value that is not what the log last wrote; ``str()`` is a Vietnamese sentence naming both."""

    where: str
    recorded: str
    present: str

    def __str__(self) -> str:
        return f"{self.where}: nhật ký ghi {self.recorded}, cơ sở dữ liệu đang có {self.present}."


def audit_faults_of_sheets(sheet_ids: Iterable[int]) -> list[ValueFault]:
    """What differs between the sheets (state, cells) and their audit entries; an empty list when nothing does.

    Replays the entries aimed at these sheets, oldest first. A row that was added, removed, moved to another sheet or
    whose value was changed without an entry is named by student, subject, column and both values.
    """
    ids = sorted(set(sheet_ids))
    if not ids:
        return []
    link = db.session.connection()
    labels = {
        row.id: f"{row.subject} {row.class_name}, học kì {'I' * row.semester}"
        for row in link.execute(
            select(
                _sheet.c.id,
                _sheet.c.semester,
                _subject.c.name.label("subject"),
                _class_group.c.name.label("class_name"),
            )
            .join(_class_subject, _class_subject.c.id == _sheet.c.class_subject_id)
            .join(_subject, _subject.c.id == _class_subject.c.subject_id)
            .join(_class_group, _class_group.c.id == _class_subject.c.class_group_id)
            .where(_sheet.c.id.in_(ids))
        )
    }
    recorded = _replay({"score_sheet": ids}, ("score_cell", "score_sheet"))
    columns = audit.WATCHED["score_cell"][1]
    faults: list[ValueFault] = []
    for row in link.execute(select(_sheet.c.id, _sheet.c.state).where(_sheet.c.id.in_(ids))):
        written = recorded.get(("score_sheet", str(row.id)), {}).get("state", "DRAFT")
        if written != row.state:
            faults.append(ValueFault(f"Trạng thái bảng điểm {labels[row.id]}", written, row.state))
    cells = {key[1]: values for key, values in recorded.items() if key[0] == "score_cell"}
    # A cell moved away from its sheet is looked for by its id as well.
    named = _names_of_class(ids)
    seen: set[str] = set()
    for mapping in link.execute(
        select(_cell.c.id, *(_cell.c[name] for name in columns))
        .where(_cell.c.score_sheet_id.in_(ids))
        .order_by(_cell.c.id)
    ).mappings():
        cell: dict[str, Any] = {str(name): value for name, value in mapping.items()}
        row_id = str(cell["id"])
        seen.add(row_id)
        recorded_cell = cells.get(row_id)
        where = (
            f"{named.get(cell['enrollment_id'], 'Học sinh không thuộc lớp')}, {labels[cell['score_sheet_id']]}, "
            f"{COLUMN_WORDS.get(cell['column_key'], cell['column_key'])}"
        )
        if recorded_cell is None:
            faults.append(ValueFault(where, "không có gì", _cell_words(cell)))
        elif any(audit.plain(cell[name]) != recorded_cell[name] for name in columns):
            faults.append(ValueFault(where, _difference(recorded_cell, cell, columns), _cell_words(cell)))
    for row_id, expected in cells.items():
        if row_id not in seen:
            faults.append(
                ValueFault(
                    f"{named.get(expected['enrollment_id'], 'Học sinh')}, "
                    f"{labels.get(expected['score_sheet_id'], 'bảng điểm')}, "
                    f"{COLUMN_WORDS.get(expected['column_key'], expected['column_key'])}",
                    _cell_words(expected),
                    "không có gì",
                )
            )
    return faults


def audit_faults_of_class(class_group_id: int) -> list[ValueFault]:
    """:func:`audit_faults_of_sheets` for a class, and the same for what its homeroom teacher and the principal recorded."""
    link = db.session.connection()
    asked = {"class_id": class_group_id}
    faults = audit_faults_of_sheets(row.id for row in link.execute(_SHEETS, asked))
    names = {row.id: row.full_name for row in link.execute(_STUDENTS, asked)}
    words = {
        "homeroom_record": "phần chủ nhiệm",
        "summer_result": "kết quả hè",
        "principal_decision": "quyết định",
        "exemption": "miễn học",
    }
    for kind, table in (
        ("homeroom_record", _record),
        ("summer_result", _summer),
        ("principal_decision", _decision),
        ("exemption", _exemption),
    ):
        columns = audit.WATCHED[kind][1]
        rows = list(link.execute(_of_class(table), asked).mappings())
        # Whole classes are written with one entry aimed at the class, single fields with one aimed at the row.
        recorded = _replay({kind: [row["id"] for row in rows], "class_group": [class_group_id]}, (kind,))
        for row in rows:
            expected = recorded.pop((kind, str(row["id"])), None)
            where = f"{names.get(row['enrollment_id'], 'Học sinh')}, {words[kind]}"
            if expected is None:
                faults.append(ValueFault(where, "không có gì", "một dòng"))
                continue
            for name in columns:
                if audit.plain(row[name]) != expected.get(name):
                    faults.append(ValueFault(f"{where}, {name}", str(expected.get(name)), str(audit.plain(row[name]))))
    return faults


def _replay(targets: Mapping[str, Sequence[int]], kinds: Sequence[str]) -> dict[tuple[str, str], dict[str, Any]]:
    """The last values of rows of ``kinds`` as entries aimed at these targets (kind -> ids) tell them, oldest first."""
    last: dict[tuple[str, str], dict[str, Any]] = {}
    aimed = [
        and_(_entry.c.target_kind == target_kind, _entry.c.target_id.in_([str(row_id) for row_id in ids]))
        for target_kind, ids in targets.items()
        if ids
    ]
    if not aimed:
        return last
    payloads = (
        db.session.connection().execute(select(_entry.c.payload).where(or_(*aimed)).order_by(_entry.c.seq)).scalars()
    )
    for payload in payloads:
        state = json.loads(payload).get("state")
        if not state:
            continue
        for kind in kinds:
            for row_id, values in state.get(kind, {}).items():
                last[kind, row_id] = values
    return last


def _names_of_class(sheet_ids: Sequence[int]) -> dict[int, str]:
    rows = db.session.connection().execute(
        select(_enrollment.c.id, _student.c.full_name)
        .distinct()
        .join(_student, _student.c.id == _enrollment.c.student_id)
        .join(_class_subject, _class_subject.c.class_group_id == _enrollment.c.class_group_id)
        .join(_sheet, _sheet.c.class_subject_id == _class_subject.c.id)
        .where(_sheet.c.id.in_(list(sheet_ids)))
    )
    return {row.id: row.full_name for row in rows}


def _cell_words(row: Mapping[str, Any]) -> str:
    if row["tenths"] is not None:
        return str(format_score(row["tenths"]))
    return (
        row["mark"] or row["remark"] or {ScoreOrigin.MISSED_EXCUSED.value: "vắng có phép"}.get(row["origin"], "ô trống")
    )


def _difference(expected: Mapping[str, Any], row: Mapping[str, Any], columns: Sequence[str]) -> str:
    shown = _cell_words(expected)
    if shown != _cell_words(row):
        return shown
    name = next(name for name in columns if audit.plain(row[name]) != expected[name])
    return f"{shown} ({name} {expected[name]!r}, hiện là {audit.plain(row[name])!r})"


# --- freezing ---------------------------------------------------------------------------------------------------------


def frozen_content(
    computed: ClassResults,
    row: StudentResult,
    *,
    freeze: str,
    principal_remark: str | None,
    approved_by: str,
    approved_at: datetime,
) -> dict[str, Any]:
    """Everything that a transcript prints about a year, and what it was computed from; only str, int, bool, None.

    ``subjects``: in the form's order; results ``"8.5"``, ``"Đ"``, ``"CĐ"``, ``"Miễn"`` or None; ``marks``: per semester
    column -> [value, origin]. ``conduct`` and ``learning``: ``semester_1``, ``semester_2``, ``year``, ``after``
    (levels); learning also ``*_adjusted`` (Art. 9.3) and ``*_review``. ``absences``: ``semester_1``, ``semester_2``,
    ``year`` with ``excused`` and ``unexcused``. ``promotion.outcome``: :class:`Promotion`. ``completion``: True or
    False for grade 9, else None. ``awards``: texts. ``certificates``: name and grade. ``steps``: the explanations.
    """
    given, result = row.given, row.result
    kept = given.homeroom
    subjects = []
    for line in sorted(given.subjects, key=lambda line: (line.subject.transcript_order, line.subject.code)):
        found = result.subjects[line.subject.code]
        subjects.append(
            {
                "code": line.subject.code,
                "name": line.subject.transcript_name,
                "kind": line.subject.kind.value,
                "lessons_per_year": line.subject.lessons_per_year,
                "exempt": list(line.exempt),
                "marks": [{column: [mark.text, mark.origin] for column, mark in term.items()} for term in line.marks],
                "semester_1": found.semester_1,
                "semester_2": found.semester_2,
                "year": found.year,
                "after_reassessment": found.after_reassessment,
                "reassessed": line.reassessed,
                "remark": line.remarks[1] or line.remarks[0],
                "remarks": list(line.remarks),
                "teacher_name": ", ".join(line.subject.teachers) or None,
            }
        )
    titles = [AWARD_WORDS[Award(result.award)]] if result.award else []
    titles += [text for text in (kept["award_extra"] or "").splitlines() if text.strip()]
    return {
        "format": FORMAT,
        "freeze": freeze,
        "regulation_version": computed.regulation_version,
        "school_year": computed.year_label,
        "class_name": computed.class_name,
        "grade_level": computed.grade_level,
        "enrollment_id": given.enrollment_id,
        "student": {
            "id": given.student_id,
            "full_name": given.full_name,
            "inclusive_disability": given.inclusive_disability,
            **given.facts,
        },
        "subjects": subjects,
        "conduct": {
            "semester_1": kept["conduct_1"],
            "semester_2": kept["conduct_2"],
            "year": result.conduct_year,
            "after": result.conduct_after,
        },
        "learning": {
            "semester_1": result.learning[0],
            "semester_2": result.learning[1],
            "year": result.learning[2],
            "after": result.learning_after,
            "semester_1_adjusted": result.adjusted[0],
            "semester_2_adjusted": result.adjusted[1],
            "year_adjusted": result.adjusted[2],
            "semester_1_review": result.needs_review[0],
            "semester_2_review": result.needs_review[1],
            "year_review": result.needs_review[2],
        },
        "absences": _absences(kept),
        "promotion": {"outcome": result.promotion.value},
        "completion": result.promotion is Promotion.COMPLETED if computed.grade_level == 9 else None,
        "award": result.award,
        "awards": titles,
        "competitions": [text.strip() for text in (kept["competitions"] or "").splitlines() if text.strip()],
        "certificates": [{"name": kept["certificates"], "grade": kept["certificates_grade"]}]
        if kept["certificates"]
        else [],
        "homeroom_remark": kept["remark"],
        "homeroom": {"person_id": computed.homeroom_person_id, "name": computed.homeroom_name},
        "principal_remark": principal_remark,
        "approved_by": approved_by,
        "approved_at": audit.plain(approved_at),
        "decisions": [
            {
                "kind": one.kind,
                "term": one.term,
                "outcome": one.outcome,
                "reason": one.reason,
                "document": one.document,
                "decided_at": audit.plain(one.decided_at),
            }
            for one in given.decisions
        ],
        "steps": list(result.steps),
    }


def _absences(kept: Mapping[str, Any]) -> dict[str, Any]:
    terms = [{"excused": kept[f"absences_excused_{n}"], "unexcused": kept[f"absences_unexcused_{n}"]} for n in (1, 2)]
    whole = {
        name: None if any(term[name] is None for term in terms) else terms[0][name] + terms[1][name]
        for name in ("excused", "unexcused")
    }
    return {"semester_1": terms[0], "semester_2": terms[1], "year": whole}


def require_untouched(class_group_id: int) -> None:
    """Raise IntegrityFault naming what was changed behind the application's back."""
    faults = audit_faults_of_class(class_group_id)
    if faults:
        raise IntegrityFault(
            "Có dữ liệu của lớp đã bị sửa ngoài phần mềm nên chưa làm gì cả. " + str(faults[0]),
            details=tuple(str(fault) for fault in faults),
        )


def freeze_class(
    session: Session,
    actor: Actor,
    computed: ClassResults,
    now: datetime,
    *,
    freeze: str = "main",
    principal_remark: str | None = None,
) -> list[m.FrozenResult]:
    """Write a frozen result for each student of the class, inside the caller's transaction, with one audit entry.

    ``computed`` must have been checked with :func:`require_untouched`. A student frozen before gets the next revision.
    """
    ids = [row.given.enrollment_id for row in computed.students]
    revisions: dict[int, int] = dict(
        session.execute(
            select(m.FrozenResult.enrollment_id, func.max(m.FrozenResult.revision))
            .where(m.FrozenResult.enrollment_id.in_(ids), m.FrozenResult.freeze == freeze)
            .group_by(m.FrozenResult.enrollment_id)
        ).all()
    )
    frozen = []
    for row in computed.students:
        content = canonical_json(
            frozen_content(
                computed, row, freeze=freeze, principal_remark=principal_remark, approved_by=actor.name, approved_at=now
            )
        )
        frozen.append(
            m.FrozenResult(
                enrollment_id=row.given.enrollment_id,
                freeze=freeze,
                revision=revisions.get(row.given.enrollment_id, 0) + 1,
                regulation_version=computed.regulation_version,
                content=content,
                content_digest=digest_of(content),
                frozen_at=now,
                frozen_by=actor.account_id,
            )
        )
    session.add_all(frozen)
    session.flush()
    audit.record(
        AuditTag.RESULT_FROZEN,
        actor,
        now,
        target_kind="class_group",
        target_id=computed.class_group_id,
        state=audit.states("frozen_result", frozen),
        facts={"class": computed.class_name, "freeze": freeze, "n_students": len(frozen)},
    )
    return frozen


def digest_of(content: str) -> str:
    """Hex SHA-256 of a frozen text."""
    return hashlib.sha256(content.encode("utf-8")).hexdigest()


def newest_frozen(enrollment_id: int) -> m.FrozenResult | None:
    """The frozen result in force: the summer one over the main one, the highest revision."""
    return db.session.scalars(
        select(m.FrozenResult)
        .where(m.FrozenResult.enrollment_id == enrollment_id)
        .order_by((m.FrozenResult.freeze == "summer").desc(), m.FrozenResult.revision.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    ).first()


def read_frozen(of: m.FrozenResult | int) -> dict[str, Any]:
    """The content of a frozen result, or of the one in force of an enrolment id, hashed again.

    Raises NotFound when nothing is frozen, IntegrityFault when the text is not what the log says was frozen.
    """
    row = newest_frozen(of) if isinstance(of, int) else of
    if row is None:
        raise NotFound("Học sinh chưa có kết quả đã duyệt.")
    if digest_of(row.content) != row.content_digest or frozen_digest_in_audit(row) != row.content_digest:
        raise IntegrityFault(
            "Kết quả đã đóng băng của học sinh này không còn như khi được duyệt: đã bị sửa ngoài "
            "phần mềm. Không dùng để lập học bạ."
        )
    content: dict[str, Any] = json.loads(row.content)
    if content.get("enrollment_id") != row.enrollment_id:
        raise IntegrityFault("Kết quả đã đóng băng mang tên học sinh khác: đã bị sửa ngoài phần mềm.")
    return content


def frozen_digest_in_audit(row: m.FrozenResult) -> str | None:
    """The digest that the log wrote when this result was frozen; None when it tells of no such row."""
    class_id = db.session.scalar(select(m.Enrollment.class_group_id).where(m.Enrollment.id == row.enrollment_id))
    payloads = (
        db.session.connection()
        .execute(
            select(_entry.c.payload)
            .where(
                and_(
                    _entry.c.tag == AuditTag.RESULT_FROZEN.value,
                    _entry.c.target_kind == "class_group",
                    _entry.c.target_id == str(class_id),
                )
            )
            .order_by(_entry.c.seq.desc())
        )
        .scalars()
    )
    for payload in payloads:
        values = json.loads(payload).get("state", {}).get("frozen_result", {}).get(str(row.id))
        if values is not None:
            digest: str = values["content_digest"]
            return digest
    return None


def level_words(level: Level | str | None) -> str:
    """Tốt, Khá, Đạt, Chưa đạt; "" for None."""
    return (
        {Level.TOT: "Tốt", Level.KHA: "Khá", Level.DAT: "Đạt", Level.CHUA_DAT: "Chưa đạt"}[Level(level)]
        if level
        else ""
    )
