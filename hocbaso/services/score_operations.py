"""One act of a person upon many cells: a pasted block, a file, taking an act back, doing it again.

Each is one request with one key. Every version that the act writes carries a key derived from it (``score_blocks``), so
a repeated request finds what it wrote and writes nothing twice, and taking back finds what to take back: the server's own
versions decide, not what a page remembers.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import write_transaction
from hocbaso.errors import DomainError, Invalid, Stale
from hocbaso.services.access import Actor
from hocbaso.services.score_blocks import CellOutcome, OperationKey, derived_op_id, write_cells
from hocbaso.services.score_cells import NOTHING, CellRecord, says_nothing_new
from hocbaso.services.score_lines import read_standing
from hocbaso.services.score_reading import as_typed, read_value
from hocbaso.services.score_refusals import guard_typing
from hocbaso.services.sheet_access import SheetHead, connection, head_for_typing, table_of
from hocbaso.services.version_log import require_versions_told

OP_ID = re.compile(r"[0-9A-Za-z-]{8,36}")
MOST_CELLS = 2000
"""Of one act: twice a sheet of the largest class."""

_USED = "Mã lần ghi này đã dùng cho việc khác. Hãy tải lại trang rồi làm lại."

UNDONE, REDONE = "undone", "redone"

Place = tuple[int, str]
"""Enrolment id and column key."""

_cell = table_of(m.ScoreCell)
_version = table_of(m.ScoreCellVersion)
_VALUE = (_version.c.tenths, _version.c.mark, _version.c.remark, _version.c.origin, _version.c.makeup_due_on)
_BY_KEYS = (
    select(
        _cell.c.enrollment_id,
        _cell.c.column_key,
        _version.c.score_cell_id,
        _version.c.version,
        _version.c.request_digest,
        _version.c.by_account_id,
        *_VALUE,
    )
    .join(_cell, _cell.c.id == _version.c.score_cell_id)
    .where(_cell.c.score_sheet_id == bindparam("sheet_id"), _version.c.op_id.in_(bindparam("keys", expanding=True)))
)


@dataclass(frozen=True, slots=True)
class TypedCell:
    """A text for a cell, and the version the person saw there."""

    enrollment_id: int
    column_key: str
    raw: str
    version: int


def paste(
    actor: Actor, sheet_id: int, cells: Sequence[TypedCell], *, op_id: str, now: datetime, ask_first: bool = False
) -> list[CellOutcome]:
    """Write a pasted block: one transaction, one outcome a cell in the order given.

    ``ask_first``: nobody was signed in when it was pasted, so nothing is written and each cell is told as stale.
    An empty text keeps what stands (an empty cell of a workbook says nothing). A plain 0 over a missed 0 changes nothing.
    Raises like ``score_entry.save_cell`` for the sheet as a whole, Invalid for a key used for something else.
    """
    return _write_typed(actor, sheet_id, cells, op_id=op_id, source="pasted", now=now, ask_first=ask_first)


def write_from_file(
    actor: Actor,
    sheet_id: int,
    cells: Sequence[TypedCell],
    *,
    op_id: str,
    facts: Mapping[str, Any],
    now: datetime,
    after: Callable[[Session, list[CellOutcome]], None],
) -> list[CellOutcome]:
    """Write what a person has chosen out of a file: like :func:`paste`, with source ``imported``.

    Here an empty text does clear its cell: it was asked about, cell by cell. ``facts`` (the file and its digest) stand in
    the audit entry; ``after`` is called with the outcomes inside the same transaction. Raises like :func:`paste`.
    """
    return _write_typed(
        actor, sheet_id, cells, op_id=op_id, source="imported", now=now, clears=True, facts=facts, after=after
    )


def _write_typed(
    actor: Actor,
    sheet_id: int,
    cells: Sequence[TypedCell],
    *,
    op_id: str,
    source: str,
    now: datetime,
    clears: bool = False,
    ask_first: bool = False,
    facts: Mapping[str, Any] | None = None,
    after: Callable[[Session, list[CellOutcome]], None] | None = None,
) -> list[CellOutcome]:
    request = "\n".join(f"{cell.enrollment_id}-{cell.column_key}:{cell.version}:{cell.raw}" for cell in cells)

    def act(session: Session, head: SheetHead, key: OperationKey, done: dict[Place, Any]) -> list[CellOutcome]:
        today = clock.local_date(now)
        standing = read_standing(head)
        outcomes: dict[int, CellOutcome] = {}
        wanted: list[tuple[int, str, CellRecord, int | None]] = []
        places: list[int] = []
        for place, cell in enumerate(cells):
            where = (cell.enrollment_id, cell.column_key)
            old = standing.get(where, NOTHING)
            if where in done:
                outcomes[place] = CellOutcome(*where, "written", version=done[where].version)
                continue
            try:
                value = read_value(head, cell.column_key, cell.raw, old, today, shorthand=False)
            except DomainError as refusal:
                outcomes[place] = CellOutcome(*where, "refused", refusal.message, old.version, cell.raw)
                continue
            if (not cell.raw.strip() and not clears) or says_nothing_new(value, old):
                outcomes[place] = CellOutcome(*where, "same", version=old.version)
            elif done or ask_first:  # the act is through: what it did not write then, it does not write now
                outcomes[place] = CellOutcome(*where, "stale", _standing_words(old), old.version, cell.raw)
            else:
                wanted.append((*where, value, cell.version))
                places.append(place)
        if wanted:
            written = write_cells(session, actor, head, wanted, source=source, now=now, operation=key, facts=facts)
            outcomes.update(zip(places, written, strict=True))
        found = [
            replace(outcomes[place], raw=cell.raw)
            if outcomes[place].outcome in ("stale", "refused")
            else outcomes[place]
            for place, cell in enumerate(cells)
        ]
        if after is not None:
            after(session, found)
        return found

    places = [(cell.enrollment_id, cell.column_key) for cell in cells]
    return _once(actor, sheet_id, places, op_id, f"{source}\n{request}", now, act)


def take_back(
    actor: Actor, sheet_id: int, places: Sequence[Place], *, of: str, op_id: str, again: bool = False, now: datetime
) -> list[CellOutcome]:
    """Put back what stood in each cell before the act ``of``: a new version with source ``undone`` (``redone`` with
    ``again``: an act of taking back is itself taken back).

    Only one's own act, and only where what it wrote still stands and nobody else has written since; otherwise the cell is
    ``stale`` and keeps its value. Raises like :func:`paste`.
    """
    request = f"{of}\n" + " ".join(f"{enrollment_id}-{key}" for enrollment_id, key in places)
    source = REDONE if again else UNDONE

    def act(session: Session, head: SheetHead, key: OperationKey, done: dict[Place, Any]) -> list[CellOutcome]:
        acts = _versions_of(head, [of, *(derived_op_id(of, *where) for where in places)])
        require_versions_told({row.score_cell_id for row in acts.values()})
        lives = _lives_of(list(acts.values()))
        standing = read_standing(head)
        outcomes: dict[int, CellOutcome] = {}
        wanted: list[tuple[int, str, CellRecord, int | None]] = []
        orders: list[int] = []
        for order, where in enumerate(places):
            old = standing.get(where, NOTHING)
            act_row = acts.get(where)
            if where in done:
                outcomes[order] = CellOutcome(*where, "written", version=done[where].version)
            elif act_row is None or act_row.by_account_id != actor.account_id:
                # Version 0: whatever is typed on top of it is asked about, for nobody knows what was seen.
                outcomes[order] = CellOutcome(*where, "same", "Lần ghi ấy chưa vào ô này.")
            else:
                life = lives[act_row.score_cell_id]
                value = _value_of(life[0]) if life[0].version < act_row.version else NOTHING
                if done or not _stands(life, act_row, actor):
                    outcomes[order] = CellOutcome(
                        *where, "stale", _standing_words(old), act_row.version, as_typed(value)
                    )
                else:
                    wanted.append((*where, value, old.version))
                    orders.append(order)
        if wanted:
            written = write_cells(session, actor, head, wanted, source=source, now=now, operation=key)
            outcomes.update(zip(orders, written, strict=True))
        return [outcomes[order] for order in range(len(places))]

    return _once(actor, sheet_id, places, op_id, f"{source}\n{request}", now, act)


def _once(
    actor: Actor,
    sheet_id: int,
    places: Sequence[Place],
    op_id: str,
    request: str,
    now: datetime,
    act: Callable[[Session, SheetHead, OperationKey, dict[Place, Any]], list[CellOutcome]],
) -> list[CellOutcome]:
    """Run an act in its transaction, handing it what an earlier arrival of the same request wrote."""
    if not OP_ID.fullmatch(op_id):
        raise Invalid("Mã lần ghi không hợp lệ. Hãy tải lại trang rồi làm lại.", field="op")
    if not places or len(places) > MOST_CELLS:
        raise Invalid(f"Mỗi lần ghi từ 1 đến {MOST_CELLS} ô. Chưa ghi gì.", field="cells")
    key = OperationKey(op_id, hashlib.sha256(f"{sheet_id}\n{request}".encode()).hexdigest())
    for attempt in (1, 2):
        try:
            with write_transaction() as session:
                today = clock.local_date(now)
                head = head_for_typing(actor, sheet_id, today)
                done = _versions_of(head, [op_id, *(key.of_cell(*where) for where in places)])
                if any(
                    row.request_digest != key.request_digest or row.by_account_id != actor.account_id
                    for row in done.values()
                ):
                    raise Invalid(_USED, field="op")
                if not done:
                    guard_typing(head, today)
                return act(session, head, key, done)
        except (IntegrityError, Stale) as failure:
            # Two first values, or one act sent twice, at the same instant (PostgreSQL): the second look sees the winner.
            if attempt == 2 and isinstance(failure, IntegrityError):
                raise Invalid(_USED, field="op") from failure  # by an act on another sheet, which is not looked at here
            if attempt == 2:
                raise
    raise AssertionError("unreachable")


def _versions_of(head: SheetHead, keys: Sequence[str]) -> dict[Place, Any]:
    rows = connection().execute(_BY_KEYS, {"sheet_id": head.id, "keys": list(keys)})
    return {(row.enrollment_id, row.column_key): row for row in rows}


def _lives_of(acts: Sequence[Any]) -> dict[int, list[Any]]:
    """The versions of the cells of these acts from the one before the act on, oldest first, by cell id."""
    from_version = {row.score_cell_id: row.version - 1 for row in acts}
    if not from_version:
        return {}
    rows = connection().execute(
        select(_version.c.score_cell_id, _version.c.version, _version.c.source, _version.c.by_account_id, *_VALUE)
        .where(_version.c.score_cell_id.in_(list(from_version)), _version.c.version >= min(from_version.values()))
        .order_by(_version.c.score_cell_id, _version.c.version)
    )
    lives: dict[int, list[Any]] = {cell_id: [] for cell_id in from_version}
    for row in rows:
        if row.version >= from_version[row.score_cell_id]:
            lives[row.score_cell_id].append(row)
    return lives


def _stands(life: Sequence[Any], act: Any, actor: Actor) -> bool:
    """Whether a cell shows what the act wrote there and nothing that was written since, by anybody.

    Equal values are not enough: the same number typed again by hand is a newer one. What was written since and taken back
    counts for nothing, and an act taken back and done again stands.
    """
    shown: list[Any] = []
    taken: list[Any] = []
    for row in life:
        if row.version > act.version and row.by_account_id != actor.account_id:
            return False
        if row.source == UNDONE and len(shown) > 1 and _value_of(row).same_value(_value_of(shown[-2])):
            taken.append(shown.pop())
        elif row.source == UNDONE and len(shown) == 1 and row.version > act.version:
            taken.append(shown.pop())  # to the empty cell before the first version
        elif row.source == REDONE and taken and _value_of(row).same_value(_value_of(taken[-1])):
            shown.append(taken.pop())
        else:
            shown.append(row)
            taken.clear()
    return bool(shown) and shown[-1].version == act.version


def _value_of(row: Any) -> CellRecord:
    return CellRecord(row.tenths, row.mark, row.remark, row.origin, row.makeup_due_on)


def _standing_words(old: CellRecord) -> str:
    return f"Ô đang là {old.text or 'trống'}."
