"""The pages of the summer: the classes of a person, one class, grade 9's completion; and what waits for whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import NotFound
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.conclusion_cases import CaseState
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.promotion import SUMMER_ROUTES
from hocbaso.regulations.summer_flow import SummerParty, SummerState
from hocbaso.regulations.terms import Promotion
from hocbaso.services import decisions, frozen_results, results, summer_approval, summer_cases, summer_corrections
from hocbaso.services.access import Actor, reaches_class
from hocbaso.services.evaluation import basis_for
from hocbaso.services.kept_answers import KeptAnswers
from hocbaso.services.results import level_words
from hocbaso.services.score_grid import ACTIVE
from hocbaso.services.summer_cases import Case, Entry

REGISTER, TYPE, APPROVE = "register", "type", "approve"


@dataclass(frozen=True, slots=True)
class Work:
    """What waits of one class: ``kind`` register, type or approve. ``subject_id``: of typing a subject, else None."""

    class_group_id: int
    class_name: str
    grade_level: int
    kind: str
    subject_id: int | None
    class_subject_id: int | None
    what: str
    n: int
    names: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True)
class ClassLine:
    """One class of the list."""

    class_group_id: int
    name: str
    n_pupils: int
    n_entries: int
    n_unregistered: int
    n_untyped: int
    n_ready: int
    n_done: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A decision that has to be made before a pupil can be approved."""

    kind: str
    term: str
    choices: tuple[tuple[str, str], ...]
    seen: str
    words: str


@dataclass(frozen=True, slots=True)
class EntryLine:
    """An entry as this person sees it. ``by_whom``: who types it."""

    entry: Entry
    by_whom: str
    may_register: bool
    may_take_part: bool
    """False once it is too late for anything but saying that the pupil takes no part."""
    may_type: bool
    may_return: bool
    may_ask: bool
    """Whether this person asks for another result of what is approved (``summer_corrections``)."""


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A pupil as this person sees them. ``would_be``: the conclusion if it were approved now; ``seal`` where it may be approved."""

    case: Case
    lines: tuple[EntryLine, ...]
    would_be: Promotion | None
    learning_after: str
    conduct_after: str
    waits: tuple[str, ...]
    asked: tuple[Asked, ...]
    seal: str


@dataclass(frozen=True, slots=True)
class SummerPage:
    """The summer of one class as this person sees it."""

    class_group_id: int
    class_name: str
    grade_level: int
    year_label: str
    freeze_on: date
    is_late: bool
    reads_class: bool
    is_homeroom: bool
    is_approver: bool
    pupils: tuple[CaseLine, ...]
    work: tuple[Work, ...]
    is_open: bool
    """Whether the year is; of a closed one only what is held late may be written."""

    @property
    def n_waiting(self) -> int:
        """How much waits for this person."""
        return sum(one.n for one in self.work)

    @property
    def late(self) -> tuple[CaseLine, ...]:
        """The pupils for whom the principal holds the summer late."""
        return tuple(case for case in self.pupils if case.case.is_late)

    @property
    def to_register(self) -> tuple[tuple[CaseLine, EntryLine], ...]:
        """What this person may still say of who takes part."""
        return tuple((case, line) for case in self.pupils for line in case.lines if line.may_register)

    @property
    def to_type(self) -> tuple[tuple[CaseLine, EntryLine], ...]:
        """What this person may type."""
        return tuple((case, line) for case in self.pupils for line in case.lines if line.may_type)

    @property
    def to_approve(self) -> tuple[CaseLine, ...]:
        """Pupils that wait for this principal."""
        return tuple(
            case
            for case in self.pupils
            if self.is_approver and case.case.is_ready and (self.is_open or case.case.is_late)
        )

    def of_route(self, route: str) -> tuple[CaseLine, ...]:
        """The pupils to re-assess (``REASSESS``) or to train (``SUMMER_TRAINING``)."""
        return tuple(case for case in self.pupils if case.case.route.value == route)


def past_classes(actor: Actor) -> list[tuple[int, str, str]]:
    """(id, name, school year) of the classes of closed years with somebody on the list whose entries this person sees, newest first."""
    marked = (
        select(m.Enrollment.class_group_id)
        .join(m.FrozenResult, m.FrozenResult.enrollment_id == m.Enrollment.id)
        .where(m.FrozenResult.freeze == "summer")
    )
    rows = db.session.scalars(
        select(m.ClassGroup)
        .join(m.SchoolYear, m.SchoolYear.id == m.ClassGroup.school_year_id)
        .where(m.SchoolYear.state != "OPEN", m.ClassGroup.id.in_(marked))
        .order_by(m.SchoolYear.starts_on.desc(), m.ClassGroup.grade_level, m.ClassGroup.name)
    )
    return [
        (row.id, row.name, row.school_year.label)
        for row in rows
        if any(summer_cases.sees(actor, row, one) for case in summer_cases.cases_of(row) for one in case.entries)
    ]


_KEPT: KeptAnswers[frozenset[int]] = KeptAnswers(20)


def _marked_classes() -> frozenset[int]:
    """Ids of classes of the newest open year with a frozen text that names the summer; kept while nothing new is frozen."""
    year_id, newest = db.session.connection().execute(_NEWEST).one()
    marked = (
        select(m.Enrollment.class_group_id)
        .distinct()
        .join(m.FrozenResult, m.FrozenResult.enrollment_id == m.Enrollment.id)
        .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
        .where(m.ClassGroup.school_year_id == year_id, m.FrozenResult.freeze == "main", summer_cases.MARKED)
    )
    return _KEPT.of((year_id, newest), lambda: frozenset(db.session.scalars(marked)))


# Asked for the rail of every page: built once, and read without the mapper.
_NEWEST = select(
    select(m.SchoolYear.id)
    .where(m.SchoolYear.state == "OPEN")
    .order_by(m.SchoolYear.starts_on.desc())
    .limit(1)
    .scalar_subquery(),
    select(func.max(m.FrozenResult.id)).scalar_subquery(),
)


def classes_concerned() -> list[m.ClassGroup]:
    """The approved classes of the open year in which somebody is on the list, and those of closed years in which the summer is held late for
    a pupil; by grade level and name."""
    late = (
        select(m.Enrollment.class_group_id)
        .join(m.ConclusionCase, m.ConclusionCase.enrollment_id == m.Enrollment.id)
        .where(m.ConclusionCase.state == CaseState.SUMMER.value)
    )
    marked = _marked_classes() | frozenset(db.session.scalars(late))
    if not marked:
        return []
    return list(
        db.session.scalars(
            select(m.ClassGroup)
            .where(m.ClassGroup.id.in_(sorted(marked)), m.ClassGroup.state == ClassState.APPROVED.value)
            .order_by(m.ClassGroup.grade_level, m.ClassGroup.name)
            .execution_options(populate_existing=True)
        )
    )


def cases_at_work(class_group: m.ClassGroup) -> tuple[Case, ...]:
    """The list of a class as far as it may still be written: of a closed year only whose summer is held late."""
    cases = summer_cases.cases_of(class_group)
    if class_group.school_year.state == "OPEN":
        return cases
    return tuple(case for case in cases if case.is_late)


def overview(actor: Actor) -> list[ClassLine]:
    """The classes of this person with somebody on the list: those they read, and those they teach such a subject in."""
    lines = []
    for row in classes_concerned():
        cases = cases_at_work(row)
        seen = [case for case in cases if any(summer_cases.sees(actor, row, one) for one in case.entries)]
        if not seen:
            continue
        entries = [one for case in seen for one in case.entries if summer_cases.sees(actor, row, one)]
        lines.append(
            ClassLine(
                row.id,
                named(row),
                len(seen),
                len(entries),
                sum(one.state is None for one in entries),
                sum(one.state in (SummerState.REGISTERED, SummerState.RETURNED) for one in entries),
                sum(case.is_ready for case in seen),
                sum(case.is_done for case in seen),
            )
        )
    return lines


def named(class_group: m.ClassGroup) -> str:
    """``9A``; of a closed year ``9A năm học 2026–2027``."""
    year = class_group.school_year
    return class_group.name if year.state == "OPEN" else f"{class_group.name} năm học {year.label.replace('-', '–')}"


def work_of(class_group: m.ClassGroup, cases: Iterable[Case]) -> list[Work]:
    """What waits in a class, whoever has to do it."""
    place = (class_group.id, named(class_group), class_group.grade_level)
    cases = tuple(cases)
    found = []
    new = [(case, one) for case in cases for one in case.entries if one.state is None]
    if new:
        names = tuple(dict.fromkeys(case.full_name for case, _ in new))
        found.append(Work(*place, REGISTER, None, None, "đăng ký trong hè", len(new), names, ""))
    by_subject: dict[int | None, list[tuple[Case, Entry]]] = {}
    for case in cases:
        for one in case.entries:
            if one.state in (SummerState.REGISTERED, SummerState.RETURNED):
                by_subject.setdefault(one.subject_id, []).append((case, one))
    for subject_id, rows in by_subject.items():
        entry = rows[0][1]
        what = "kết quả rèn luyện trong hè" if subject_id is None else f"kết quả đánh giá lại {entry.name}"
        notes = [one.note for _, one in rows if one.note]
        names = tuple(case.full_name for case, _ in rows)
        found.append(
            Work(*place, TYPE, subject_id, entry.class_subject_id, what, len(rows), names, notes[0] if notes else "")
        )
    ready = [case for case in cases if case.is_ready]
    if ready:
        names = tuple(case.full_name for case in ready)
        found.append(Work(*place, APPROVE, None, None, "kết quả trong hè", len(ready), names, ""))
    return found


def is_for(actor: Actor, class_group: m.ClassGroup, work: Work, cases: Iterable[Case]) -> bool:
    """Whether it is this person's turn."""
    parties = summer_cases.parties_of(actor, class_group)
    if work.kind == REGISTER:
        return SummerParty.HOMEROOM in parties
    if work.kind == APPROVE:
        return SummerParty.APPROVER in parties
    entry = next(one for case in cases for one in case.entries if one.subject_id == work.subject_id)
    return SummerParty.EXAMINER in summer_cases.parties_of(actor, class_group, entry)


def my_work(actor: Actor) -> list[Work]:
    """What waits for this person in all classes."""
    if not (actor.may(Permission.CLASS_READ) or actor.may(Permission.SHEET_ENTER)):
        return []
    found = []
    for row in classes_concerned():
        cases = cases_at_work(row)
        found += [work for work in work_of(row, cases) if is_for(actor, row, work, cases)]
    return found


def page(actor: Actor, class_group_id: int, now: datetime) -> SummerPage:
    """One class as this person sees it. NotFound outside the reach; a subject teacher sees the own subject's entries only."""
    row = summer_cases.class_in_reach(actor, class_group_id)
    today = clock.local_date(now)
    cases = summer_cases.cases_of(row)
    reads = reaches_class(actor, row.id, Permission.CLASS_READ)
    parties = summer_cases.parties_of(actor, row)
    is_open = row.school_year.state == "OPEN"
    keeps, approves = SummerParty.HOMEROOM in parties, SummerParty.APPROVER in parties
    homeroom, approver = (one and (is_open or any(case.is_late for case in cases)) for one in (keeps, approves))
    late = today > row.school_year.summer_freeze_on
    computed = results.compute_class(row.id, today) if cases and reads else None
    teachers = {subject.subject_id: ", ".join(subject.teachers) for subject in computed.subjects} if computed else {}
    keeper = (computed.homeroom_name if computed else "") or ""
    pupils = []
    for case in cases:
        lines = []
        for entry in case.entries:
            if not summer_cases.sees(actor, row, entry):
                continue
            late_here = (late and not entry.is_opened) or entry.is_over_late(today)
            writable = is_open or entry.is_late
            examines = SummerParty.EXAMINER in summer_cases.parties_of(actor, row, entry) and writable
            lines.append(
                EntryLine(
                    entry,
                    keeper if entry.subject_id is None else teachers.get(entry.subject_id, ""),
                    keeps
                    and writable
                    and entry.state in (None, SummerState.REGISTERED, SummerState.DECLINED, SummerState.RETURNED),
                    not late_here,
                    examines
                    and not late_here
                    and entry.state in (SummerState.REGISTERED, SummerState.TYPED, SummerState.RETURNED),
                    approves
                    and writable
                    and entry.state not in (SummerState.RETURNED, SummerState.APPROVED)
                    and (late or entry.state is not None),
                    summer_corrections.may_ask(actor, row, entry, now),
                )
            )
        if not lines:
            continue
        approves_this = approves and (is_open or case.is_late)
        pupils.append(_case_line(case, tuple(lines), computed, row.grade_level, approves_this))
    at_work = cases if is_open else tuple(case for case in cases if case.is_late)
    work = [one for one in work_of(row, at_work) if is_for(actor, row, one, at_work)]
    return SummerPage(
        row.id,
        row.name,
        row.grade_level,
        row.school_year.label,
        row.school_year.summer_freeze_on,
        late,
        reads,
        homeroom,
        approver,
        tuple(pupils),
        tuple(work),
        is_open,
    )


def _case_line(
    case: Case, lines: tuple[EntryLine, ...], computed: results.ClassResults | None, grade_level: int, approver: bool
) -> CaseLine:
    if computed is None or case.enrollment_id not in computed.by_id:
        return CaseLine(case, lines, None, "", "", (), (), "")
    found = summer_cases.foreseen(computed, case)
    result = found.row.result
    told = case.is_ready or case.is_done
    asked = []
    if case.is_ready and approver:
        if result.review_levels[3]:
            choices = tuple((level, level_words(level)) for level in result.review_levels[3])
            asked.append(
                Asked(
                    "learning_level",
                    "redo",
                    choices,
                    decisions.seal(basis_for(result, "learning_level", "redo")),
                    "Học tập sau kiểm tra, đánh giá lại: Hội đồng xem xét theo Điều 9 khoản 3",
                )
            )
        if result.may_decide:
            outcomes = [one for one in decisions.promotion_outcomes(grade_level) if one not in SUMMER_ROUTES]
            asked.append(
                Asked(
                    "promotion",
                    "year",
                    tuple((one.value, one.value) for one in outcomes),
                    decisions.seal(basis_for(result, "promotion", "year")),
                    "Kết luận sau hè do Hiệu trưởng quyết định",
                )
            )
    return CaseLine(
        case,
        lines,
        result.promotion if told else None,
        level_words(result.learning_after) if told else "",
        level_words(result.conduct_after) if told else "",
        found.waits if told else (),
        tuple(asked),
        summer_approval.seal(computed, case, found) if case.is_ready and not found.waits and approver else "",
    )


# --- grade 9 ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CompletionLine:
    """One pupil of grade 9 by the frozen result in force. ``completed`` None: the summer or a decision is still to come."""

    class_name: str
    full_name: str
    birth_on: str
    register_no: str
    completed: bool | None
    after_summer: bool


@dataclass(frozen=True, slots=True)
class Completion:
    """Who completed lower secondary school in a year (Art. 12; the principal confirms it in the transcript)."""

    year_label: str
    n_unapproved: int
    """Classes of grade 9 whose year is not approved yet."""
    lines: tuple[CompletionLine, ...]
    other_years: tuple[str, ...]
    """Labels of the other years that have a grade 9, the newest first."""

    def of(self, completed: bool | None) -> tuple[CompletionLine, ...]:
        """The lines with this answer."""
        return tuple(line for line in self.lines if line.completed is completed)


def completion(actor: Actor, label: str | None) -> Completion:
    """Grade 9 of a year (the newest open one for None), as far as this person reads transcripts. NotFound without such a year."""
    asked = select(m.SchoolYear).order_by((m.SchoolYear.state == "OPEN").desc(), m.SchoolYear.starts_on.desc()).limit(1)
    if label is not None:
        asked = select(m.SchoolYear).where(m.SchoolYear.label == label)
    year = db.session.scalar(asked)
    if year is None:
        raise NotFound("Chưa có năm học này.")
    classes = [
        row
        for row in db.session.scalars(
            select(m.ClassGroup)
            .where(m.ClassGroup.school_year_id == year.id, m.ClassGroup.grade_level == 9)
            .order_by(m.ClassGroup.name)
        )
        if reaches_class(actor, row.id, Permission.TRANSCRIPT_READ)
    ]
    lines = []
    for row in classes:
        newest: dict[int, m.FrozenResult] = {}
        for frozen in db.session.scalars(
            select(m.FrozenResult)
            .join(m.Enrollment, m.Enrollment.id == m.FrozenResult.enrollment_id)
            .join(m.Student, m.Student.id == m.Enrollment.student_id)
            .where(
                m.Enrollment.class_group_id == row.id,
                m.Enrollment.status.in_(sorted(ACTIVE)),
                frozen_results.IN_FORCE,
            )
            .order_by(m.Student.sort_key, m.Enrollment.id, m.FrozenResult.freeze == "summer", m.FrozenResult.revision)
        ):
            newest[frozen.enrollment_id] = frozen
        for frozen in newest.values():
            content = frozen_results.parsed(frozen)
            outcome = Promotion(content["promotion"]["outcome"])
            done = {Promotion.COMPLETED: True, Promotion.RETAINED: False}.get(outcome)
            student = content["student"]
            lines.append(
                CompletionLine(
                    row.name,
                    student["full_name"],
                    student.get("birth_on") or "",
                    student.get("register_no") or "",
                    done,
                    frozen_results.is_by_summer(content),
                )
            )
    others = db.session.scalars(
        select(m.SchoolYear.label)
        .where(
            m.SchoolYear.id != year.id,
            m.SchoolYear.id.in_(select(m.ClassGroup.school_year_id).where(m.ClassGroup.grade_level == 9)),
        )
        .order_by(m.SchoolYear.starts_on.desc())
    )
    n_open = sum(row.state != ClassState.APPROVED.value for row in classes)
    return Completion(year.label, n_open, tuple(lines), tuple(others))
