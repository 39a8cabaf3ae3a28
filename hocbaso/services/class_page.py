"""The class as its homeroom teacher and the heads of the school read it: the year's matrix, lists, gaps, steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import Stale
from hocbaso.regulations.class_flow import ClassState, ClassVerb
from hocbaso.regulations.enrollment_flow import DEPARTURES
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.registry import regulation_named
from hocbaso.regulations.terms import Award, Promotion
from hocbaso.services import class_seal, departures, results, student_classes
from hocbaso.services.access import Actor, class_for, keeps_class, reaches_class, roles_reaching
from hocbaso.services.blind_access import hidden_in_class
from hocbaso.services.class_gaps import ClassGap, bare_remarks, list_gaps
from hocbaso.services.departures import Movement
from hocbaso.services.homeroom import ABSENCE_FIELDS, FIELDS, FieldView, field_view
from hocbaso.services.month_totals import summed_fields
from hocbaso.services.results import ClassResults, StudentResult, comma, level_words
from hocbaso.services.student_inputs import StudentInput, SubjectFacts


@dataclass(frozen=True, slots=True)
class SubjectCell:
    """A subject's result in the matrix. ``state``: value, gap (not complete), or exempt."""

    code: str
    text: str
    state: str


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One student's line."""

    number: int
    enrollment_id: int
    student_id: int
    full_name: str
    cells: tuple[SubjectCell, ...]
    fields: Mapping[str, FieldView]
    learning: str
    learning_level: str
    """The stored value of ``learning``, "" without one: which phrases stand first."""
    adjusted: bool
    needs_review: bool
    decided: bool
    conduct_year: str
    promotion: Promotion
    award: Award | None
    steps: tuple[str, ...]
    after_reassessment: str

    @property
    def n_done(self) -> int:
        """Subjects with a result (exempt ones included)."""
        return sum(cell.state != "gap" for cell in self.cells)

    @property
    def n_absences(self) -> int | None:
        """Absences of the year, None while one of the four counts is missing."""
        found = [self.fields[name].value for name in ABSENCE_FIELDS]
        counted = [int(value) for value in found if value is not None]
        return sum(counted) if len(counted) == len(found) else None


@dataclass(frozen=True, slots=True)
class SummerLine:
    """A student with the subjects to be assessed again (Art. 14), or none for conduct training (Art. 13)."""

    row: ClassRow
    subjects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepLine:
    """One act upon the class."""

    verb: ClassVerb
    note: str | None
    at: datetime
    by_name: str


@dataclass(frozen=True, slots=True)
class ClassPage:
    """Everything the homeroom page shows. ``term``: 1, 2 or 0 for the year."""

    results: ClassResults
    term: int
    rows: tuple[ClassRow, ...]
    gaps: tuple[ClassGap, ...]
    promoted: tuple[ClassRow, ...]
    retained: tuple[ClassRow, ...]
    to_reassess: tuple[SummerLine, ...]
    to_train: tuple[SummerLine, ...]
    to_decide: tuple[ClassRow, ...]
    to_review: tuple[ClassRow, ...]
    left: tuple[tuple[int, str, str], ...]
    """(student id, full name, how they left) of who is no longer in the class."""
    movements: tuple[tuple[str, Movement], ...]
    """Who came and who left, with the paper; taken-back ones too."""
    steps: tuple[StepLine, ...]
    can_edit: bool
    can_finalise: bool
    can_reopen: bool
    can_decide: bool
    due_before: date
    today: date
    hidden: frozenset[tuple[str, int]] = frozenset()
    """(subject code, semester, 0 for the year) kept from this reader until the check from the papers is compared."""

    @property
    def subjects(self) -> tuple[SubjectFacts, ...]:
        """The columns of the matrix."""
        return self.results.subjects

    @property
    def state(self) -> ClassState:
        """Where the class stands."""
        return ClassState(self.results.state)

    @property
    def seal(self) -> str:
        """What an act upon the class carries of the results on this page; "" while something keeps it from being acted upon."""
        return "" if self.gaps else class_seal.seal(self.results, self.today)

    @property
    def seal_to_write(self) -> str:
        """The same while fields are still empty: carried by the page on which they are written, whose last save offers the act."""
        return class_seal.seal(self.results, self.today) if self.can_finalise else ""

    def is_as_seen(self, seen: str) -> bool:
        """Whether all but the homeroom teacher's own writing still is what a page showed (``seen``: its seal)."""
        try:
            class_seal.require_seen(seen, self.results, own_writing=True)
        except Stale:
            return False
        return True

    @property
    def n_open_subjects(self) -> int:
        """Subjects with a sheet that is not locked."""
        return sum(not subject.is_locked for subject in self.subjects)

    def gaps_of(self, *kinds: str) -> tuple[ClassGap, ...]:
        """The gaps of some kinds."""
        return tuple(gap for gap in self.gaps if gap.kind in kinds)

    @property
    def bare_remarks(self) -> tuple[ClassGap, ...]:
        """Remarks that say nothing, asked about before finalising."""
        return bare_remarks(self.results)

    @property
    def returned_note(self) -> StepLine | None:
        """The last return while the class is open again."""
        if self.state is ClassState.OPEN and self.steps and self.steps[-1].verb is ClassVerb.RETURN:
            return self.steps[-1]
        return None


def my_classes(actor: Actor) -> list[m.ClassGroup]:
    """The classes whose page this person may open, own ones first, of open years."""
    if not actor.may(Permission.CLASS_READ):
        return []
    rows = db.session.scalars(
        select(m.ClassGroup)
        .join(m.SchoolYear)
        .where(m.SchoolYear.state == "OPEN")
        .order_by(m.ClassGroup.grade_level, m.ClassGroup.name)
    )
    found = [row for row in rows if reaches_class(actor, row.id, Permission.CLASS_READ)]
    return sorted(found, key=lambda row: row.id not in actor.homeroom)


def class_page(actor: Actor, class_group_id: int, now: datetime, *, term: int = 0) -> ClassPage:
    """The class as this person sees it; NotFound outside the actor's classes. ``term`` 1, 2, or 0 for the year."""
    class_group = class_for(actor, class_group_id, Permission.CLASS_READ)
    today = clock.local_date(now)
    computed = results.compute_class(class_group_id, today)
    year = class_group.school_year
    hidden = _hidden(actor, computed, today)
    summed = summed_fields([row.given.enrollment_id for row in computed.students])
    rows = tuple(_row(number, row, term, hidden, summed) for number, row in enumerate(computed.students, start=1))
    gaps = list_gaps(computed, untold=frozenset(code for code, _ in hidden))
    keeps = keeps_class(actor, class_group)
    is_open = computed.state == ClassState.OPEN.value
    steps = tuple(
        StepLine(ClassVerb(step.verb), step.note, step.at, step.by_name)
        for step in db.session.scalars(
            select(m.ClassStep).where(m.ClassStep.class_group_id == class_group_id).order_by(m.ClassStep.id)
        )
    )
    movements = tuple(departures.of_class(actor, class_group_id))
    went = {one.enrollment_id: one.words for _, one in movements if one.stands and one.kind in DEPARTURES}
    went |= {row: f"Sang lớp {name}" for row, name in student_classes.moved_to(class_group_id).items()}
    by_promotion: dict[Promotion, list[ClassRow]] = {}
    for row in rows:
        by_promotion.setdefault(row.promotion, []).append(row)
    return ClassPage(
        results=computed,
        term=term,
        rows=rows,
        gaps=gaps,
        promoted=tuple(by_promotion.get(Promotion.PROMOTED, []) + by_promotion.get(Promotion.COMPLETED, [])),
        retained=tuple(by_promotion.get(Promotion.RETAINED, [])),
        to_reassess=tuple(
            SummerLine(row, _reassessable(computed, row.enrollment_id))
            for row in by_promotion.get(Promotion.REASSESS, [])
        ),
        to_train=tuple(SummerLine(row) for row in by_promotion.get(Promotion.SUMMER_TRAINING, [])),
        to_decide=tuple(by_promotion.get(Promotion.DECISION_NEEDED, [])),
        to_review=tuple(row for row in rows if row.needs_review),
        left=tuple((row.student_id, row.full_name, went.get(row.enrollment_id, "")) for row in computed.left),
        movements=movements,
        steps=steps,
        can_edit=keeps and is_open and year.state == "OPEN",
        can_finalise=keeps and is_open,
        can_reopen=keeps and computed.state == ClassState.FINALISED.value,
        can_decide=actor.may(Permission.DECISION_RECORD)
        and computed.state != ClassState.APPROVED.value
        and Role.PRINCIPAL in roles_reaching(actor, class_group),
        due_before=year.data_complete_before,
        today=today,
        hidden=hidden,
    )


def _hidden(actor: Actor, computed: ClassResults, today: date) -> frozenset[tuple[str, int]]:
    sheets = hidden_in_class(actor, computed.class_group_id, today)
    codes = {subject.class_subject_id: subject.code for subject in computed.subjects}
    found = {(codes[class_subject_id], semester) for class_subject_id, semester in sheets if class_subject_id in codes}
    return frozenset(found | {(code, 0) for code, _ in found})


TERM_HEADS = {0: "Học tập cả năm:", 1: "Học tập học kì I:", 2: "Học tập học kì II:"}
"""How the sentences about the learning rating of a term (0: the year) begin."""


def _told(steps: tuple[str, ...], given: StudentInput, hidden: frozenset[tuple[str, int]]) -> tuple[str, ...]:
    """The sentences without those that give away a hidden result: the subject's own, and what was concluded from it."""
    if not hidden:
        return steps
    names = [line.subject.name for line in given.subjects if (line.subject.code, 0) in hidden]
    terms = sorted({term for _, term in hidden}, key=(1, 2, 0).index)
    secret = (
        *(f"{name}{mark} " for name in names for mark in (",", ":")),
        *(TERM_HEADS[term] for term in terms),
        "Học tập sau ",
        "Khen thưởng:",
        "Kết luận:",
    )
    kept = [step for step in steps if not step.startswith(secret)]
    return (*kept, *(f"{TERM_HEADS[term]} chờ đối chiếu bài gốc, chưa hiện ở đây." for term in terms))


def _row(
    number: int,
    found: StudentResult,
    term: int,
    hidden: frozenset[tuple[str, int]],
    summed: frozenset[tuple[int, str]],
) -> ClassRow:
    given, result = found.given, found.result
    cells = []
    untold = {term for _, term in hidden}
    for line in given.subjects:
        subject = result.subjects[line.subject.code]
        text = (subject.year, subject.semester_1, subject.semester_2)[term]
        if (line.subject.code, term) in hidden:
            cells.append(SubjectCell(line.subject.code, "–", "value"))
            continue
        exempt = all(line.exempt) if term == 0 else line.exempt[term - 1]
        state = "exempt" if exempt else "value" if text is not None else "gap"
        cells.append(SubjectCell(line.subject.code, "Miễn" if exempt else comma(text), state))
    at = {0: 2, 1: 0, 2: 1}[term]
    fields = {
        name: field_view(
            name, given.homeroom.get(name), given.homeroom_version, is_sum=(given.enrollment_id, name) in summed
        )
        for name in FIELDS
    }
    return ClassRow(
        number=number,
        enrollment_id=given.enrollment_id,
        student_id=given.student_id,
        full_name=given.full_name,
        cells=tuple(cells),
        fields=fields,
        learning="" if term in untold else level_words(result.learning[at]),
        learning_level="" if term in untold else result.learning[at] or "",
        adjusted=term not in untold and result.adjusted[at],
        needs_review=not hidden and any(result.needs_review),
        decided=bool(given.decisions),
        conduct_year=level_words(result.conduct_year),
        promotion=Promotion.INCOMPLETE if hidden else result.promotion,
        award=Award(result.award) if result.award and not hidden else None,
        steps=_told(result.steps, given, hidden),
        after_reassessment="" if hidden else level_words(result.learning_after),
    )


def _reassessable(computed: ClassResults, enrollment_id: int) -> tuple[str, ...]:
    regulation = regulation_named(computed.regulation_version)
    row = computed.by_id[enrollment_id]
    names = []
    for line in row.given.subjects:
        year = row.result.subjects[line.subject.code].year
        if year is None or year == "Miễn":
            continue
        if regulation.may_reassess(results.value_of(year)):
            names.append(line.subject.name)
    return tuple(names)
