"""A score sheet as it is opened: rows by name, each cell with what may be done to it, and what may be done to all."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from threading import Lock
from typing import Any

from sqlalchemy import bindparam, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, in_write_transaction
from hocbaso.regulations.blind_check import COLUMNS
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.score_sheet_flow import SheetParty, SheetState, SheetVerb
from hocbaso.services.access import Actor
from hocbaso.services.blind_access import hides_from
from hocbaso.services.score_cells import (
    NOTHING,
    REMARK,
    CellRecord,
    CellView,
    Column,
    average_text,
    columns_of,
    record_of,
    view_cell,
)
from hocbaso.services.score_lines import ACTIVE, CELLS, ELSEWHERE_WORD, ROSTER, Progress, closed_word
from hocbaso.services.sheet_access import SheetHead, connection, open_verbs, sheet_for, table_of

__all__ = [
    "ACTIVE",
    "NOTHING",
    "REMARK",
    "CellRecord",
    "CellView",
    "Column",
    "Progress",
    "RowView",
    "SheetView",
    "StepLine",
    "columns_of",
    "open_sheet",
    "sheet_for",
]

_step = table_of(m.SheetStep)

_STEPS = (
    select(_step.c.verb, _step.c.to_state, _step.c.note, _step.c.at, _step.c.by_name)
    .where(_step.c.score_sheet_id == bindparam("sheet_id"))
    .order_by(_step.c.id)
)


@dataclass(frozen=True, slots=True)
class RowView:
    """A student's line. ``average`` is the text of ĐTBmhk (``Đ``/``CĐ`` for a comment subject), "" while undefined."""

    number: int
    enrollment_id: int
    family_name: str
    given_name: str
    closed: str
    """Why nothing is asked of this line: "" | "Miễn" | "Đã chuyển đi" | "Đã thôi học" | "Ở trường cũ"."""
    cells: tuple[CellView, ...]
    remark: CellView
    average: str
    class_place: int | None
    """Where the pupil's check number on paper comes from."""

    @property
    def full_name(self) -> str:
        """Family and given name as written."""
        return f"{self.family_name} {self.given_name}".strip()


@dataclass(frozen=True, slots=True)
class StepLine:
    """One act in the life of a sheet."""

    verb: SheetVerb
    to_state: SheetState
    note: str | None
    at: datetime
    by_name: str


@dataclass(frozen=True, slots=True)
class SheetView:
    """Everything the page of a sheet shows to one person at one moment."""

    head: SheetHead
    columns: tuple[Column, ...]
    rows: tuple[RowView, ...]
    rows_key: tuple[Any, ...]
    """Equal keys have equal ``rows``, in whichever process and for whomever they were built."""
    progress: Progress
    first_gap: str
    """``<enrollment id>-<column>`` of the first gap from the top, "" when there is none."""
    can_edit: bool
    verbs: tuple[SheetVerb, ...]
    attests: bool
    """The actor would hand in for a teacher who left (needs a note)."""
    steps: tuple[StepLine, ...]
    today: date
    n_students: int
    seen: str
    """The version of each stored cell, ``<enrollment id>-<column>:<version>``, for a form that is sent whole."""
    is_blind: bool = False
    """The midterm, the final and the average are kept from this reader, who checks them from the papers."""

    @property
    def days_left(self) -> int:
        """Days until the window closes; negative afterwards."""
        return (self.head.window.closes_on - self.today).days

    @property
    def returned_note(self) -> StepLine | None:
        """The last return while the sheet waits to be handed in again."""
        if self.head.state is SheetState.RETURNED and self.steps and self.steps[-1].verb is SheetVerb.RETURN:
            return self.steps[-1]
        return None


def open_sheet(actor: Actor, sheet_id: int, now: datetime) -> SheetView:
    """The sheet as this person sees it now; NotFound outside what the person may read."""
    today = clock.local_date(now)
    head = sheet_for(actor, sheet_id, Permission.SHEET_READ, today)
    columns = columns_of(head)
    can_edit = head.may_type(today)
    roster = tuple(
        tuple(row)
        for row in connection().execute(
            ROSTER,
            {"class_group_id": head.class_group_id, "subject_id": head.subject_id, "semester": head.semester},
        )
    )
    # Everything the lines depend on: which base, which sheet at which content, who is enrolled, and whether to type.
    key = (str(db.engine.url), head.id, head.content_version, columns, can_edit, roster)
    body = _BODIES.get(key)
    if body is None:
        body = _build(head, columns, roster, can_edit)
        if not in_write_transaction():  # what is not committed may still be taken back
            _BODIES.put(key, body)
    is_blind = hides_from(actor, head)
    rows = tuple(_blind(row) for row in body.rows) if is_blind else body.rows
    steps = tuple(
        StepLine(SheetVerb(row.verb), SheetState(row.to_state), row.note, row.at, row.by_name)
        for row in connection().execute(_STEPS, {"sheet_id": head.id})
    )
    verbs = open_verbs(actor, head)
    return SheetView(
        head=head,
        columns=columns,
        rows=rows,
        rows_key=(*key, "blind") if is_blind else key,
        progress=body.progress,
        first_gap=body.first_gap,
        can_edit=can_edit,
        verbs=verbs,
        attests=SheetVerb.SUBMIT in verbs and SheetParty.AUTHOR not in head.parties,
        steps=steps,
        today=today,
        n_students=body.n_students,
        seen="" if is_blind else body.seen,
        is_blind=is_blind,
    )


def _blind(row: RowView) -> RowView:
    """A line without what the reader is to type from the papers, nor what gives it away (the average, a missed 0)."""
    cells = tuple(CellView(cell.key, "", 0, "closed", False) if cell.key in COLUMNS else cell for cell in row.cells)
    return replace(row, cells=cells, average="")


@dataclass(frozen=True, slots=True)
class _Body:
    rows: tuple[RowView, ...]
    progress: Progress
    first_gap: str
    n_students: int
    seen: str


class _Bodies:
    """The last lines built, one body a sheet, bounded; nothing in them depends on a person beyond ``can_edit``."""

    def __init__(self, limit: int = 64) -> None:
        self._limit = limit
        self._kept: OrderedDict[tuple[Any, ...], tuple[tuple[Any, ...], _Body]] = OrderedDict()
        self._mutex = Lock()

    def get(self, key: tuple[Any, ...]) -> _Body | None:
        slot = (*key[:2], key[4])
        with self._mutex:
            found = self._kept.get(slot)
            if found is None or found[0] != key:
                return None
            self._kept.move_to_end(slot)
            return found[1]

    def put(self, key: tuple[Any, ...], body: _Body) -> None:
        slot = (*key[:2], key[4])
        with self._mutex:
            self._kept[slot] = (key, body)
            self._kept.move_to_end(slot)
            while len(self._kept) > self._limit:
                self._kept.popitem(last=False)


_BODIES = _Bodies()


def _build(head: SheetHead, columns: tuple[Column, ...], roster: Iterable[tuple[Any, ...]], can_edit: bool) -> _Body:
    stored: dict[int, dict[str, CellRecord]] = {}
    for row in connection().execute(CELLS, {"sheet_id": head.id}):
        stored.setdefault(row[0], {})[row[1]] = record_of(row)
    rows: list[RowView] = []
    n_entered = n_expected = 0
    first_gap = ""
    for number, (enrollment_id, full_name, status, exempt, class_place) in enumerate(roster, start=1):
        cells = stored.get(enrollment_id, {})
        closed = closed_word(status, bool(exempt))
        row_view = build_row(head, columns, number, enrollment_id, full_name, closed, cells, can_edit, class_place)
        rows.append(row_view)
        if not closed:
            n_expected += len(columns)
            for cell in row_view.cells:
                if cell.state in ("gap", "makeup"):
                    first_gap = first_gap or f"{enrollment_id}-{cell.key}"
                else:
                    n_entered += 1
    n_students = sum(1 for row_view in rows if row_view.closed in ("", "Miễn", ELSEWHERE_WORD))
    seen = " ".join(
        f"{row_view.enrollment_id}-{cell.key}:{cell.version}"
        for row_view in rows
        for cell in (*row_view.cells, row_view.remark)
        if cell.version
    )
    return _Body(tuple(rows), Progress(n_entered, n_expected), first_gap, n_students, seen)


def build_row(
    head: SheetHead,
    columns: tuple[Column, ...],
    number: int,
    enrollment_id: int,
    full_name: str,
    closed: str,
    cells: Mapping[str, CellRecord],
    can_edit: bool,
    class_place: int | None,
) -> RowView:
    """One student's line from stored cells."""
    family, _, given = full_name.rpartition(" ")
    may_type = can_edit and not closed
    views = tuple(view_cell(column.key, cells.get(column.key, NOTHING), closed, may_type) for column in columns)
    remark = view_cell(REMARK, cells.get(REMARK, NOTHING), closed, may_type)
    average = "" if closed == "Miễn" else average_text(head, columns, cells)
    return RowView(number, enrollment_id, family, given, closed, views, remark, average, class_place)
