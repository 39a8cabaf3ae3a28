"""What an import is going to do, before it does it: one plan for the dry run, the preview and the act itself.

A plan is made by comparing the rows of a workbook with the database. It changes nothing. Two plans with the same
``fingerprint`` do the same, so what was previewed and what is applied can be proven equal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from sqlalchemy import String, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.exchange.rows import CellProblem
from hocbaso.regulations.permissions import Permission
from hocbaso.services.access import Actor
from hocbaso.services.score_grid import ACTIVE


@dataclass(frozen=True, slots=True)
class ImportKind:
    """One of the four tables. ``permissions``: all of them are needed to import it."""

    name: str
    title: str
    hint: str
    permissions: tuple[Permission, ...]


KINDS: dict[str, ImportKind] = {
    kind.name: kind
    for kind in (
        ImportKind(
            "teachers",
            "Cán bộ, giáo viên",
            "Trích ngang cán bộ: mã, họ tên, tổ chuyên môn, chức vụ.",
            (Permission.IMPORT_ROSTER, Permission.STAFF_EDIT),
        ),
        ImportKind(
            "students",
            "Danh sách học sinh",
            "Hồ sơ học sinh và lớp; một trang cho cả trường hoặc mỗi lớp một trang.",
            (Permission.IMPORT_ROSTER,),
        ),
        ImportKind(
            "assignments",
            "Phân công",
            "Lớp, môn, số tiết cả năm, giáo viên và chủ nhiệm.",
            (Permission.IMPORT_ROSTER, Permission.ASSIGNMENT_EDIT),
        ),
        ImportKind("scores", "Bảng điểm", "Mỗi trang một lớp, một môn, một học kì.", (Permission.IMPORT_SCORES,)),
    )
}


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One value that will be written: the column in words, the text that stands (``""``: nothing) and the new text."""

    field: str
    before: str
    after: str
    address: str


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """One row that will be created or changed. ``group`` gathers items under a heading (a score sheet)."""

    action: str
    noun: str
    label: str
    address: str
    changes: tuple[FieldChange, ...] = ()
    group: str = ""


@dataclass(frozen=True, slots=True)
class CountLine:
    """How many of a thing are created, changed and found as they should be."""

    noun: str
    n_created: int
    n_changed: int
    n_unchanged: int


@dataclass(frozen=True, slots=True)
class SamePerson:
    """A new staff code whose owner may be somebody already there. ``answer``: "same", "other", or "" until a person says."""

    code: str
    name: str
    person_id: int
    known_code: str
    why: str
    answer: str
    address: str


@dataclass(frozen=True, slots=True)
class NewClass:
    """A class that a list of pupils would open beside others of its grade level: asked for, since a slip of the pen looks the same.

    ``beside``: the classes there are. ``n_rows``: rows of the list that name it.
    """

    name: str
    beside: tuple[str, ...]
    n_rows: int
    is_agreed: bool
    address: str


class Findings:
    """What a plan and the report of it have in common to tell."""

    counts: tuple[CountLine, ...]
    problems: tuple[CellProblem, ...]
    asks: tuple[SamePerson, ...]
    new_classes: tuple[NewClass, ...]

    @property
    def open_classes(self) -> tuple[NewClass, ...]:
        """New classes nobody has agreed to: nothing is written before."""
        return tuple(one for one in self.new_classes if not one.is_agreed)

    @property
    def is_unanswered(self) -> bool:
        """Whether some question waits for a person."""
        return bool(self.open_asks or self.open_classes)

    @property
    def open_asks(self) -> tuple[SamePerson, ...]:
        """Questions without an answer: nothing is written before."""
        return tuple(ask for ask in self.asks if not ask.answer)

    @property
    def errors(self) -> tuple[CellProblem, ...]:
        """Problems that forbid applying: to be put right in the file first."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[CellProblem, ...]:
        """Things repaired, passed by, or worth a look."""
        return tuple(problem for problem in self.problems if problem.severity == "warning")

    @property
    def n_changes(self) -> int:
        """Rows or cells to be created or changed."""
        return sum(line.n_created + line.n_changed for line in self.counts)


@dataclass(frozen=True)
class ImportPlan(Findings):
    """Everything an import would do. ``work`` is what the kind's own module needs to do it; ``notes`` are for people."""

    kind: str
    profile: str
    year_label: str
    items: tuple[PlannedItem, ...]
    counts: tuple[CountLine, ...]
    problems: tuple[CellProblem, ...]
    notes: tuple[str, ...] = ()
    asks: tuple[SamePerson, ...] = ()
    new_classes: tuple[NewClass, ...] = ()
    n_undated: int = 0
    """New pupils of a year that runs, without the day they came: entered as there from its start unless a day is given."""
    work: Any = field(default=None, compare=False, repr=False)

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over all that would be written."""
        said: list[Any] = [self.kind, self.profile, self.year_label, list(self.notes)]
        said += [
            [item.action, item.noun, item.group, item.label, [[c.field, c.before, c.after] for c in item.changes]]
            for item in self.items
        ]
        said += [[ask.code, ask.person_id, ask.answer] for ask in self.asks]
        said += [[one.name, one.is_agreed] for one in self.new_classes]
        said += [[line.noun, line.n_created, line.n_changed] for line in self.counts]
        return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class PlanContext:
    """For whom, when and for which year a plan is made. ``year`` is None while the import itself would create it."""

    actor: Actor
    now: datetime
    year: m.SchoolYear | None
    year_label: str
    school_name: str | None = None
    joined_on: date | None = None
    """Students: the day the new pupils came whose row does not say."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """Staff: code in the file (upper case) -> "same" or "other", see :class:`SamePerson`; students: name of a class (upper case) -> "open"."""
    batch_id: int | None = None
    """While it is written: the batch, by which an import of scores is taken back."""

    @property
    def today(self) -> date:
        """The school's calendar day."""
        return clock.local_date(self.now)

    def setup_items(self) -> list[PlannedItem]:
        """The school and year that the first import brings into being."""
        items = []
        if self.school_name is not None:
            items.append(PlannedItem("create", "Trường", self.school_name, ""))
        if self.year is None:
            items.append(PlannedItem("create", "Năm học", self.year_label, ""))
        return items


class PlanBuilder:
    """Collects items, counts and problems while rows are compared."""

    def __init__(self, kind: str, profile: str, context: PlanContext, problems: Iterable[CellProblem]) -> None:
        self.kind, self.profile, self.context = kind, profile, context
        self.items: list[PlannedItem] = list(context.setup_items())
        self.problems: list[CellProblem] = list(problems)
        self.notes: list[str] = []
        self.asks: list[SamePerson] = []
        self.new_classes: list[NewClass] = []
        self.n_undated = 0
        self._counts: dict[str, list[int]] = {}
        for item in self.items:
            self.count(item.noun, "create")

    def count(self, noun: str, action: str, n: int = 1) -> None:
        """Count ``create``, ``change`` or ``same``."""
        self._counts.setdefault(noun, [0, 0, 0])[("create", "change", "same").index(action)] += n

    def add(self, item: PlannedItem) -> None:
        """Plan an item and count it."""
        self.items.append(item)
        self.count(item.noun, item.action)

    def error(self, address: str, field_name: str, raw: object, message: str) -> None:
        """A problem that forbids applying the file."""
        self.problems.append(CellProblem(address, field_name, shown(raw), message, "error"))

    def warn(self, address: str, field_name: str, raw: object, message: str) -> None:
        """Something to glance over."""
        self.problems.append(CellProblem(address, field_name, shown(raw), message, "warning"))

    def mark(self) -> tuple[int, int, dict[str, list[int]]]:
        """Where the plan stands, to :meth:`go_back` to."""
        return len(self.items), len(self.problems), {noun: list(n) for noun, n in self._counts.items()}

    def go_back(self, mark: tuple[int, int, dict[str, list[int]]]) -> None:
        """Forget all that was planned since: nothing of it will be written."""
        n_items, n_problems, self._counts = mark
        del self.items[n_items:], self.problems[n_problems:]

    def build(self, work: Any) -> ImportPlan:
        """The finished plan."""
        return ImportPlan(
            kind=self.kind,
            profile=self.profile,
            year_label=self.context.year_label,
            items=tuple(self.items),
            counts=tuple(CountLine(noun, *n) for noun, n in self._counts.items()),
            problems=tuple(self.problems),
            notes=tuple(self.notes),
            asks=tuple(self.asks),
            new_classes=tuple(self.new_classes),
            n_undated=self.n_undated,
            work=work,
        )


def shown(value: object) -> str:
    """A value as people read it: dates 19/05/2026, decimal comma, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, date):
        return f"{value.day:02d}/{value.month:02d}/{value.year:04d}"
    if isinstance(value, Decimal):
        return str(value).replace(".", ",")
    return str(value)


def too_long(model: type, column: str, value: object) -> int | None:
    """The length the column allows, when ``value`` is a text that exceeds it (SQLite itself would not mind)."""
    kind = model.__table__.c[column].type  # type: ignore[attr-defined]
    if isinstance(value, str) and isinstance(kind, String) and kind.length and len(value) > kind.length:
        return kind.length
    return None


def classes_of(year: m.SchoolYear | None) -> dict[str, m.ClassGroup]:
    """The classes of a year by name."""
    if year is None:
        return {}
    return {
        row.name: row for row in db.session.scalars(select(m.ClassGroup).where(m.ClassGroup.school_year_id == year.id))
    }


def active_enrollments(year: m.SchoolYear | None) -> list[m.Enrollment]:
    """Enrollments of the year that are in force."""
    if year is None:
        return []
    return list(
        db.session.scalars(
            select(m.Enrollment)
            .join(m.ClassGroup, m.ClassGroup.id == m.Enrollment.class_group_id)
            .where(m.ClassGroup.school_year_id == year.id, m.Enrollment.status.in_(ACTIVE))
        )
    )


def plan_class(
    builder: PlanBuilder, name: str, address: str, classes: dict[str, m.ClassGroup], planned: list[str]
) -> None:
    """Plan a class that the year does not have yet, once."""
    if name in classes or name in planned:
        return
    planned.append(name)
    builder.add(PlannedItem("create", "Lớp", name, address))
