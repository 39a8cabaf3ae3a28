"""How far sheets and classes are: counts for lists and boards, in a handful of grouped statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import and_, func, or_, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.regulations.registry import regulation_named
from hocbaso.regulations.score_sheet_flow import SheetState
from hocbaso.regulations.terms import SubjectKind
from hocbaso.regulations.two_hands import may_stand_for_principal
from hocbaso.services import locking
from hocbaso.services.access import Actor
from hocbaso.services.in_force import ever_began
from hocbaso.services.score_grid import ACTIVE
from hocbaso.services.sheet_access import connection, table_of
from hocbaso.services.sheet_hands import Review, authors_first, reaches, reviews_of

_sheet = table_of(m.ScoreSheet)
_cell = table_of(m.ScoreCell)
_class_subject = table_of(m.ClassSubject)
_class_group = table_of(m.ClassGroup)
_subject = table_of(m.Subject)
_enrollment = table_of(m.Enrollment)
_exemption = table_of(m.Exemption)
_assignment = table_of(m.TeachingAssignment)
_person = table_of(m.Person)
_window = table_of(m.SemesterWindow)
_year = table_of(m.SchoolYear)


@dataclass(frozen=True, slots=True)
class SheetLine:
    """One sheet of a list: where it stands, who holds it and how much is entered."""

    sheet_id: int
    class_subject_id: int
    class_group_id: int
    class_name: str
    grade_level: int
    subject_name: str
    subject_order: int
    semester: int
    state: SheetState
    version: int
    state_at: datetime
    teachers: tuple[str, ...]
    teacher_ids: frozenset[int]
    subject_group_id: int | None
    """The group of whoever teaches, or last taught it."""
    opens_on: date
    closes_on: date
    n_entered: int
    n_expected: int

    @property
    def label(self) -> str:
        """``Toán 9A, học kì I``."""
        return f"{self.subject_name} {self.class_name}, học kì {'I' if self.semester == 1 else 'II'}"

    @property
    def n_gaps(self) -> int:
        """Results still missing."""
        return self.n_expected - self.n_entered

    def waits_as(self, parties: Iterable[str]) -> bool:
        """Whether the next act upon this sheet is one of these: ``type``, ``review``, ``approve``, ``lock``."""
        return {
            SheetState.DRAFT: "type",
            SheetState.RETURNED: "type",
            SheetState.SUBMITTED: "review",
            SheetState.REVIEWED: "approve",
            SheetState.APPROVED: "lock",
        }.get(self.state) in set(parties)


@dataclass(frozen=True, slots=True)
class ListedSheet:
    """A sheet with the reason why it stands in this person's list: ``type``, ``review``, ``approve``, ``lock``, ``read``."""

    line: SheetLine
    task: str
    waits: bool
    n_before: int = 0
    """Of an approved sheet that cannot be locked yet: sheets of its class and semester still to be approved."""


@dataclass(frozen=True, slots=True)
class ClassProgress:
    """A class in a semester: results entered and asked for, and sheets by state."""

    class_group_id: int
    class_name: str
    semester: int
    n_entered: int
    n_expected: int
    sheets_by_state: tuple[tuple[SheetState, int], ...]


def sheet_lines(
    today: date,
    *,
    school_year_id: int | None = None,
    class_group_ids: Iterable[int] | None = None,
    class_subject_ids: Iterable[int] | None = None,
    semester: int | None = None,
) -> list[SheetLine]:
    """Sheets with their counts, by grade level, class, subject order and semester. Not scoped: callers filter.

    Without ``school_year_id``: of the open years. A class of 16 classes x 24 sheets costs six statements.
    """
    link = connection()
    where = [_year.c.id == school_year_id if school_year_id is not None else _year.c.state == "OPEN"]
    if class_group_ids is not None:
        where.append(_class_group.c.id.in_(list(class_group_ids)))
    if class_subject_ids is not None:
        where.append(_class_subject.c.id.in_(list(class_subject_ids)))
    if semester is not None:
        where.append(_sheet.c.semester == semester)
    rows = link.execute(
        select(
            _sheet.c.id,
            _sheet.c.class_subject_id,
            _sheet.c.semester,
            _sheet.c.state,
            _sheet.c.version,
            _sheet.c.state_at,
            _class_subject.c.class_group_id,
            _class_subject.c.subject_id,
            _class_subject.c.lessons_per_year,
            _class_group.c.name.label("class_name"),
            _class_group.c.grade_level,
            _class_group.c.school_year_id,
            _subject.c.name.label("subject_name"),
            _subject.c.kind,
            _subject.c.sheet_order,
            _year.c.regulation_version,
            _year.c.starts_on,
            _year.c.ends_on,
        )
        .join(_class_subject, _class_subject.c.id == _sheet.c.class_subject_id)
        .join(_class_group, _class_group.c.id == _class_subject.c.class_group_id)
        .join(_year, _year.c.id == _class_group.c.school_year_id)
        .join(_subject, _subject.c.id == _class_subject.c.subject_id)
        .where(*where)
        .order_by(_class_group.c.grade_level, _class_group.c.name, _subject.c.sheet_order, _sheet.c.semester)
    ).all()
    if not rows:
        return []
    classes = sorted({row.class_group_id for row in rows})
    sheets = [row.id for row in rows]
    students = {
        row.class_group_id: row.n
        for row in link.execute(
            select(_enrollment.c.class_group_id, func.count().label("n"))
            .where(_enrollment.c.class_group_id.in_(classes), _enrollment.c.status.in_(ACTIVE))
            .group_by(_enrollment.c.class_group_id)
        )
    }
    exempt: dict[tuple[int, int, int], set[int]] = {}
    for spare in link.execute(
        select(_exemption.c.enrollment_id, _exemption.c.subject_id, _exemption.c.semester, _enrollment.c.class_group_id)
        .join(_enrollment, _enrollment.c.id == _exemption.c.enrollment_id)
        .where(
            _exemption.c.state == "GRANTED", _enrollment.c.class_group_id.in_(classes), _enrollment.c.status.in_(ACTIVE)
        )
    ):
        for term in (1, 2) if spare.semester is None else (spare.semester,):
            exempt.setdefault((spare.class_group_id, spare.subject_id, term), set()).add(spare.enrollment_id)
    for late in link.execute(
        select(_enrollment.c.id, _enrollment.c.class_group_id).where(
            _enrollment.c.class_group_id.in_(classes),
            _enrollment.c.status.in_(ACTIVE),
            _enrollment.c.first_semester > 1,
        )
    ):
        for subject_id in {row.subject_id for row in rows if row.class_group_id == late.class_group_id}:
            exempt.setdefault((late.class_group_id, subject_id, 1), set()).add(late.id)
    entered = _entered(sheets, whole=len(sheets) > 200)
    assigned: dict[int, list[Any]] = {}
    for held in link.execute(
        select(
            _assignment.c.id,
            _assignment.c.class_subject_id,
            _assignment.c.starts_on,
            _assignment.c.ends_on,
            _assignment.c.person_id,
            _person.c.full_name,
            _person.c.subject_group_id,
        )
        .join(_person, _person.c.id == _assignment.c.person_id)
        .where(
            _assignment.c.class_subject_id.in_({row.class_subject_id for row in rows}),
            _assignment.c.starts_on <= today,
            ever_began(_assignment.c),
        )
        .order_by(_assignment.c.id)
    ):
        assigned.setdefault(held.class_subject_id, []).append(held)
    windows = {
        (row.school_year_id, row.semester, row.grade_level): (row.opens_on, row.closes_on)
        for row in link.execute(select(_window))
    }
    lines = []
    for row in rows:
        keys = _keys(row.regulation_version, row.lessons_per_year, row.kind)
        spared = exempt.get((row.class_group_id, row.subject_id, row.semester), set())
        authors = assigned.get(row.class_subject_id, [])
        teachers = [one for one in authors if one.ends_on is None or one.ends_on >= today]
        opens_on, closes_on = (
            windows.get((row.school_year_id, row.semester, row.grade_level))
            or windows.get((row.school_year_id, row.semester, None))
            or (row.starts_on, row.ends_on)
        )
        lines.append(
            SheetLine(
                sheet_id=row.id,
                class_subject_id=row.class_subject_id,
                class_group_id=row.class_group_id,
                class_name=row.class_name,
                grade_level=row.grade_level,
                subject_name=row.subject_name,
                subject_order=row.sheet_order,
                semester=row.semester,
                state=SheetState(row.state),
                version=row.version,
                state_at=row.state_at,
                teachers=tuple(one.full_name for one in teachers),
                teacher_ids=frozenset(one.person_id for one in teachers),
                subject_group_id=authors_first(authors, today)[0].subject_group_id if authors else None,
                opens_on=opens_on,
                closes_on=closes_on,
                n_entered=entered.get(row.id, 0) - _entered_by(row.id, spared, keys),
                n_expected=(students.get(row.class_group_id, 0) - len(spared)) * len(keys),
            )
        )
    return lines


def class_progress(today: date, *, school_year_id: int | None = None) -> list[ClassProgress]:
    """The readiness of each class and semester."""
    grouped: dict[tuple[int, int], list[SheetLine]] = {}
    for line in sheet_lines(today, school_year_id=school_year_id):
        grouped.setdefault((line.class_group_id, line.semester), []).append(line)
    found = []
    for (class_group_id, semester), lines in grouped.items():
        states: dict[SheetState, int] = {}
        for line in lines:
            states[line.state] = states.get(line.state, 0) + 1
        found.append(
            ClassProgress(
                class_group_id,
                lines[0].class_name,
                semester,
                sum(line.n_entered for line in lines),
                sum(line.n_expected for line in lines),
                tuple((state, states[state]) for state in SheetState if state in states),
            )
        )
    return found


def my_sheets(actor: Actor, now: datetime, *, school: Sequence[SheetLine] | None = None) -> list[ListedSheet]:
    """The sheets this person may open, what waits for the person first, then the rest by class.
    ``school``: every line of the open years, where the caller has read them already.

    Powers are read as in ``sheet_access``: own sheets, the group's, the homeroom class's, or the whole school's; who reviews
    is decided in ``sheet_hands`` for both.
    """
    if not actor.is_system and Permission.SHEET_READ not in actor.permissions:
        return []
    today = clock.local_date(now)
    whole = actor.is_system or any(grant.role in _ABOVE for grant in actor.grants)
    lines: Sequence[SheetLine]
    if whole:
        lines = school if school is not None else sheet_lines(today)
    else:
        own = sheet_lines(today, class_subject_ids=actor.teaching) if actor.teaching else []
        lines = own
        if actor.homeroom:
            known = {line.sheet_id for line in own}
            own += [line for line in sheet_lines(today, class_group_ids=actor.homeroom) if line.sheet_id not in known]
    listed = []
    by_sheet = _reviews(actor, lines, today)
    for line in lines:
        task = _task(actor, line, by_sheet.get(line.sheet_id))
        if task:
            waits = line.waits_as({task}) and (task != "type" or line.opens_on <= today)
            listed.append(ListedSheet(line, task, waits))
    listed = _only_lockable(listed, today)
    listed.sort(
        key=lambda item: (
            not item.waits,
            item.line.closes_on if item.waits else date.max,
            item.line.state is not SheetState.RETURNED,
        )
    )
    return listed


def _only_lockable(listed: list[ListedSheet], today: date) -> list[ListedSheet]:
    """Approved sheets wait for locking only once it can be done."""
    held = too_early_to_lock([item.line for item in listed if item.waits and item.task == "lock"], today)
    return [
        replace(item, waits=False, n_before=held[item.line.sheet_id]) if item.line.sheet_id in held else item
        for item in listed
    ]


def too_early_to_lock(approved: Iterable[SheetLine], today: date) -> dict[int, int]:
    """Which of these approved sheets nobody can lock yet (``locking.guard_lock``): sheet ids to the subjects of their class and semester
    that are not approved."""
    early: dict[int, list[SheetLine]] = {}
    for line in approved:
        if line.closes_on >= today:
            early.setdefault(line.semester, []).append(line)
    missing = {
        (class_group_id, semester): n
        for semester, lines in early.items()
        for class_group_id, n in locking.not_approved([line.class_group_id for line in lines], semester).items()
    }
    return {
        line.sheet_id: missing[line.class_group_id, line.semester]
        for lines in early.values()
        for line in lines
        if (line.class_group_id, line.semester) in missing
    }


_ABOVE = frozenset({Role.PRINCIPAL, Role.VICE_PRINCIPAL, Role.DELEGATE, Role.GROUP_HEAD})


def _reviews(actor: Actor, lines: Iterable[SheetLine], today: date) -> dict[int, Review]:
    """Whose turn it is, of the sheets that wait for somebody above their teacher; nothing is read for a plain teacher."""
    if not any(grant.role in _ABOVE for grant in actor.grants):
        return {}
    waiting = (SheetState.SUBMITTED, SheetState.REVIEWED) if actor.has_role(Role.DELEGATE) else (SheetState.SUBMITTED,)
    return reviews_of([line for line in lines if line.state in waiting], today)


def _task(actor: Actor, line: SheetLine, review: Review | None) -> str:
    """What this person does with a sheet: the act that waits in its present state if it is theirs, else reading."""
    tasks: set[str] = set()
    author = line.class_subject_id in actor.teaching
    roles = {grant.role for grant in actor.grants if reaches(grant, line)}
    if author:
        tasks.add("type")
    if Role.PRINCIPAL in roles:
        tasks |= {"approve", "lock"}
    if review is not None and not author:
        if Role.DELEGATE in roles and may_stand_for_principal(
            is_principal=False, is_delegate=True, did_the_work=actor.person_id in review.own
        ):
            tasks.add("approve")
        if actor.person_id in review.reviewers:
            tasks.add("review")
    for task in tasks:
        if line.waits_as({task}):
            return task
    may_read = actor.is_system or line.class_group_id in actor.homeroom or not roles.isdisjoint(_ABOVE)
    return "type" if author else "read" if may_read else ""


def _entered(sheets: list[int], *, whole: bool) -> dict[int, int]:
    """Results per sheet, exempted lines included. With most of the school asked for, one scan beats a long IN list."""
    statement = (
        select(_cell.c.score_sheet_id, func.count().label("n"))
        .select_from(_cell.join(_enrollment, _enrollment.c.id == _cell.c.enrollment_id))
        .where(or_(_cell.c.tenths.is_not(None), _cell.c.mark.is_not(None)), _enrollment.c.status.in_(ACTIVE))
        .group_by(_cell.c.score_sheet_id)
    )
    if not whole:
        statement = statement.where(_cell.c.score_sheet_id.in_(sheets))
    return {row.score_sheet_id: row.n for row in connection().execute(statement)}


def _entered_by(sheet_id: int, enrollment_ids: set[int], keys: tuple[str, ...]) -> int:
    if not enrollment_ids:
        return 0
    return int(
        connection()
        .execute(
            select(func.count())
            .select_from(_cell)
            .where(
                and_(
                    _cell.c.score_sheet_id == sheet_id,
                    _cell.c.enrollment_id.in_(enrollment_ids),
                    _cell.c.column_key.in_(keys),
                    or_(_cell.c.tenths.is_not(None), _cell.c.mark.is_not(None)),
                )
            )
        )
        .scalar_one()
    )


@lru_cache(maxsize=64)
def _keys(version: str, lessons_per_year: int, kind: str) -> tuple[str, ...]:
    n_regular = regulation_named(version).regular_count(lessons_per_year, SubjectKind(kind))
    return (*(f"TX{n}" for n in range(1, n_regular + 1)), "GK", "CK")
