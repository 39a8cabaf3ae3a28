"""Absences by month as the homeroom teacher and the heads of the school read them: months x pupils, sums beside the totals that count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.attendance_months import KINDS, MonthColumn, Nearness, is_due, nearness
from hocbaso.regulations.class_flow import ClassState
from hocbaso.regulations.permissions import Permission
from hocbaso.services.access import Actor, class_for, keeps_class
from hocbaso.services.month_absences import why_not_summed
from hocbaso.services.month_totals import TOTAL_FIELDS, Cells, came_later, cells_of, columns_of, counts_of
from hocbaso.services.score_grid import ACTIVE


@dataclass(frozen=True, slots=True)
class MonthCell:
    """One number. ``state``: open, later (the month has not begun), total (a total was typed or corrected by itself), elsewhere (the
    semester was spent at another school), shut (nothing is written any more, or not by this reader)."""

    column: MonthColumn
    kind: str
    value: int | None
    version: int
    state: str
    is_gap: bool

    @property
    def name(self) -> str:
        """``1-2026-09-excused``"""
        return f"{self.column.key}-{self.kind}"

    @property
    def text(self) -> str:
        """The number as it is typed, "" for none."""
        return "" if self.value is None else str(self.value)


@dataclass(frozen=True, slots=True)
class TermTotal:
    """A semester's total of one kind: ``stands`` is what counts, ``typed`` the sum of the months so far (None: no month typed)."""

    semester: int
    kind: str
    stands: int | None
    typed: int | None

    @property
    def differs(self) -> bool:
        """Whether the total was corrected by itself, beside the months."""
        return self.stands is not None and self.typed is not None and self.stands != self.typed

    @property
    def so_far(self) -> int:
        """What is known: the total, or the months typed so far."""
        return self.stands if self.stands is not None else self.typed or 0


@dataclass(frozen=True, slots=True)
class MonthRow:
    """One pupil."""

    number: int
    enrollment_id: int
    full_name: str
    came_on: date | None
    cells: Mapping[str, MonthCell]
    totals: tuple[TermTotal, ...]

    @property
    def year(self) -> int:
        """Sessions of the year that are known, excused and unexcused together."""
        return sum(total.so_far for total in self.totals)

    @property
    def is_whole(self) -> bool:
        """Whether the four totals stand."""
        return all(total.stands is not None for total in self.totals)

    @property
    def is_bare(self) -> bool:
        """Whether nothing is known of the year."""
        return all(total.stands is None and total.typed is None for total in self.totals)

    @property
    def nearness(self) -> Nearness:
        """How the year stands to Art. 12.1c."""
        return nearness(self.year)

    def totals_of(self, semester: int) -> tuple[TermTotal, ...]:
        """Excused and unexcused of one semester."""
        return tuple(total for total in self.totals if total.semester == semester)


@dataclass(frozen=True, slots=True)
class MonthPage:
    """The class. ``term``: the semester that is shown."""

    class_group_id: int
    class_name: str
    state: ClassState
    year_label: str
    is_year_open: bool
    term: int
    columns: tuple[MonthColumn, ...]
    rows: tuple[MonthRow, ...]
    can_edit: bool
    today: date

    @property
    def shown(self) -> tuple[MonthColumn, ...]:
        """The columns of the semester."""
        return tuple(column for column in self.columns if column.semester == self.term)

    def n_blank(self, column: MonthColumn) -> int:
        """Cells of a month that have to be typed and are empty."""
        return sum(cell.is_gap for row in self.rows for cell in row.cells.values() if cell.column == column)

    @property
    def waiting(self) -> tuple[MonthColumn, ...]:
        """Months that have begun and are not typed to the end."""
        return tuple(column for column in self.columns if self.n_blank(column))

    @property
    def near(self) -> tuple[MonthRow, ...]:
        """Pupils near 45 sessions or beyond."""
        return tuple(row for row in self.rows if row.nearness is not Nearness.FAR)

    @property
    def differing(self) -> tuple[MonthRow, ...]:
        """Pupils with a total that was corrected by itself."""
        return tuple(row for row in self.rows if any(total.differs for total in row.totals))


def month_page(actor: Actor, class_group_id: int, now: datetime, *, term: int = 0) -> MonthPage:
    """The class as this person sees it; NotFound outside the actor's classes. ``term`` 1, 2, or 0 for the semester of today."""
    class_group = class_for(actor, class_group_id, Permission.CLASS_READ)
    today = clock.local_date(now)
    year = class_group.school_year
    columns = columns_of(class_group)
    can_edit = keeps_class(actor, class_group) and class_group.state == ClassState.OPEN.value and year.state == "OPEN"
    members = list(
        db.session.scalars(
            select(m.Enrollment)
            .join(m.Student)
            .where(m.Enrollment.class_group_id == class_group_id, m.Enrollment.status.in_(ACTIVE))
            .order_by(m.Student.sort_key, m.Enrollment.id)
        )
    )
    ids = [row.id for row in members]
    records = {
        row.enrollment_id: row
        for row in db.session.scalars(select(m.HomeroomRecord).where(m.HomeroomRecord.enrollment_id.in_(ids)))
    }
    stored, came = cells_of(ids), came_later(members)
    columns = _with_stored(columns, stored)
    if not term:
        begun = [column.semester for column in columns if column.first_day <= today]
        term = begun[-1] if begun else 1
    rows = tuple(
        _row(number, one, columns, stored.get(one.id, {}), records.get(one.id), came.get(one.id), can_edit, today)
        for number, one in enumerate(members, start=1)
    )
    return MonthPage(
        class_group_id,
        class_group.name,
        ClassState(class_group.state),
        year.label,
        year.state == "OPEN",
        term,
        columns,
        rows,
        can_edit,
        today,
    )


def _with_stored(columns: tuple[MonthColumn, ...], stored: Cells) -> tuple[MonthColumn, ...]:
    """Also the months that were typed and that a later calendar no longer has: they count and are shown, closed."""
    known = {column.key for column in columns}
    gone = {
        (row.semester, row.month)
        for cells in stored.values()
        for (key, _kind), row in cells.items()
        if key not in known and row.sessions is not None
    }
    more = [MonthColumn(n, month, date.fromisoformat(f"{month}-01"), date.min) for n, month in gone]
    return tuple(sorted((*columns, *more), key=lambda column: (column.semester, column.month)))


def _row(
    number: int,
    enrollment: m.Enrollment,
    columns: tuple[MonthColumn, ...],
    stored: Mapping[tuple[str, str], m.MonthAbsence],
    record: m.HomeroomRecord | None,
    came_on: date | None,
    can_edit: bool,
    today: date,
) -> MonthRow:
    name = enrollment.student.full_name
    totals, refused = [], set()
    for (semester, kind), field in TOTAL_FIELDS.items():
        counts = counts_of(stored, semester, kind)
        typed = [value for value in counts.values() if value is not None]
        stands = getattr(record, field) if record is not None else None
        totals.append(TermTotal(semester, kind, stands, sum(typed) if typed else None))
        if why_not_summed(stands, counts, semester, name):
            refused.add((semester, kind))
    cells = {}
    for column in columns:
        for kind in KINDS:
            row = stored.get((column.key, kind))
            if column.semester < enrollment.first_semester:
                state = "elsewhere"
            elif (column.semester, kind) in refused:
                state = "total"
            elif column.first_day > today:
                state = "later"
            else:
                state = "open" if can_edit and column.last_day > date.min else "shut"
            cell = MonthCell(
                column,
                kind,
                row.sessions if row is not None else None,
                row.version if row is not None else 0,
                state,
                is_gap=state in ("open", "shut")
                and is_due(column, came_on)
                and column.last_day > date.min
                and (row is None or row.sessions is None),
            )
            cells[cell.name] = cell
    return MonthRow(number, enrollment.id, name, came_on, cells, tuple(totals))
