"""Results of a class at one moment: read, evaluated by the year's regulation, kept while nothing changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from hocbaso.db import db
from hocbaso.errors import NotFound
from hocbaso.regulations.terms import Level
from hocbaso.services import class_reading
from hocbaso.services.class_reading import ClassFingerprint
from hocbaso.services.evaluation import Evaluated, evaluate_student, value_of
from hocbaso.services.kept_answers import KeptAnswers
from hocbaso.services.student_inputs import StudentInput, SubjectFacts

__all__ = [
    "ClassResults",
    "StudentInput",
    "StudentResult",
    "SubjectFacts",
    "comma",
    "compute_class",
    "fingerprint",
    "level_words",
    "value_of",
]


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
    fingerprint: ClassFingerprint
    by_id: Mapping[int, StudentResult] = field(default_factory=dict)

    @property
    def sheet_ids(self) -> tuple[int, ...]:
        """Ids of all sheets of the class."""
        return tuple(sheet.id for subject in self.subjects for sheet in subject.sheets if sheet is not None)


def comma(text: str | None) -> str:
    """A stored result as people read it: ``8,5``; "" for None."""
    return (text or "").replace(".", ",")


def level_words(level: Level | str | None) -> str:
    """Tốt, Khá, Đạt, Chưa đạt; "" for None."""
    return (
        {Level.TOT: "Tốt", Level.KHA: "Khá", Level.DAT: "Đạt", Level.CHUA_DAT: "Chưa đạt"}[Level(level)]
        if level
        else ""
    )


def fingerprint(class_group_id: int) -> ClassFingerprint:
    """Grows or changes with anything that a class's results depend on; eleven small statements."""
    return class_reading.read_fingerprint(db.session.connection(), {"class_id": class_group_id})


_KEPT: KeptAnswers[ClassResults] = KeptAnswers(20)


def compute_class(class_group_id: int, today: date, *, fresh: bool = False) -> ClassResults:
    """The class with every student evaluated. Not scoped: callers check the actor.

    Kept by content between calls unless ``fresh``. Raises NotFound for an unknown class.
    """
    prints = fingerprint(class_group_id)
    if fresh:
        return _compute(class_group_id, today, prints)
    return _KEPT.of((class_group_id, today, prints), lambda: _compute(class_group_id, today, prints))


def _compute(class_group_id: int, today: date, prints: ClassFingerprint) -> ClassResults:
    link = db.session.connection()
    asked = {"class_id": class_group_id}
    head = link.execute(class_reading.HEAD, asked).first()
    if head is None:
        raise NotFound("Không có lớp này.")
    subjects = class_reading.read_subjects(link, asked, today)
    keeper = link.execute(class_reading.KEEPER, {**asked, "today": today}).first()
    given = class_reading.read_inputs(link, asked, subjects)
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
