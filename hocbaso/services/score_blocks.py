"""Writing many cells of a sheet at once, each with its own outcome: a form, a block, a workbook, the sample school."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import write_transaction
from hocbaso.errors import DomainError, Stale, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.regulations.score_sheet_flow import EDITABLE
from hocbaso.services import audit
from hocbaso.services.access import Actor
from hocbaso.services.score_cells import NOTHING, REMARK, CellRecord, columns_of
from hocbaso.services.score_lines import read_lines, read_standing
from hocbaso.services.score_reading import one_line, read_value
from hocbaso.services.score_refusals import guard_typing, state_sentence
from hocbaso.services.score_versions import (
    NEW_VERSION,
    SET_CELL,
    TOUCH_ANY,
    TOUCH_SHEET,
    cell_values,
    state_after,
    values_of_versions,
    version_values,
)
from hocbaso.services.sheet_access import SheetHead, head_for_typing, read_head, sheet_for, table_of

CellValue = CellRecord
"""What a caller wants a cell to hold; ``version`` and ``id`` are ignored there."""

_FROM_FILES = ("imported", "demo")

_cell = table_of(m.ScoreCell)


@dataclass(frozen=True, slots=True)
class CellOutcome:
    """What became of one cell of a bulk write: ``written``, ``same``, ``stale`` or ``refused`` with its reason."""

    enrollment_id: int
    column_key: str
    outcome: str
    reason: str = ""
    version: int = 0
    raw: str = ""
    """For ``stale`` and ``refused`` cells of an operation: what should have stood there, as a person would type it."""


@dataclass(frozen=True, slots=True)
class OperationKey:
    """The idempotency key of one act upon many cells. Each cell's version carries a key derived from it, so that one
    unique column guards single cells and blocks alike."""

    op_id: str
    request_digest: str

    def of_cell(self, enrollment_id: int, column_key: str) -> str:
        """The key that this act's version of a cell carries."""
        return derived_op_id(self.op_id, enrollment_id, column_key)


def derived_op_id(op_id: str, enrollment_id: int, column_key: str) -> str:
    """32 hex digits of SHA-256 over the act's key and the cell."""
    return hashlib.sha256(f"{op_id}\n{enrollment_id}-{column_key}".encode()).hexdigest()[:32]


def write_cells(
    session: Session,
    actor: Actor,
    sheet: SheetHead,
    cells: Sequence[tuple[int, str, CellValue, int | None]],
    *,
    source: str,
    now: datetime,
    operation: OperationKey | None = None,
    facts: Mapping[str, Any] | None = None,
) -> list[CellOutcome]:
    """Write many cells of one sheet inside the caller's transaction: one outcome each, one audit entry for all.

    A cell is (enrollment id, column key, value, version seen or None: whatever stands may be replaced). Used by
    imports, the sample school and ``score_operations``; the caller has loaded ``sheet`` with the permission it needs.
    ``facts``: what the entry says besides (the file that the cells came from).
    Raises WrongState when the sheet takes no values now (the system actor is not bound by the window).
    """
    today = clock.local_date(now)
    if actor.is_system:
        if sheet.state not in EDITABLE:
            raise WrongState(state_sentence(sheet))
    else:
        guard_typing(sheet, today)
    link = session.connection()
    known = {column.key for column in columns_of(sheet)} | {REMARK}
    standing = read_standing(sheet)
    open_lines = read_lines(sheet)
    outcomes: list[CellOutcome] = []
    fresh: list[tuple[int, str, CellRecord]] = []
    changed: list[tuple[int, str, CellRecord, CellRecord]] = []
    seen: set[tuple[int, str]] = set()
    for enrollment_id, key, value, expected in cells:
        old = standing.get((enrollment_id, key), NOTHING)
        reason = ""
        if key not in known:
            reason = "Bảng điểm này không có cột đó."
        elif enrollment_id not in open_lines:
            reason = "Học sinh không có trong bảng điểm."
        elif open_lines[enrollment_id]:
            reason = f"Không ghi được: {open_lines[enrollment_id].lower()}."
        elif (enrollment_id, key) in seen:
            reason = "Ô này có hai giá trị trong cùng một lần ghi."
        if reason:
            outcomes.append(CellOutcome(enrollment_id, key, "refused", reason, old.version))
            continue
        seen.add((enrollment_id, key))
        if value.same_value(old):
            outcomes.append(CellOutcome(enrollment_id, key, "same", version=old.version))
        elif expected is not None and expected != old.version:
            outcomes.append(CellOutcome(enrollment_id, key, "stale", f"Ô đang là {old.text or 'trống'}.", old.version))
        else:
            after = value._replace(version=old.version + 1, id=old.id)
            outcomes.append(CellOutcome(enrollment_id, key, "written", version=after.version))
            if old.version:
                changed.append((enrollment_id, key, after, old))
            else:
                fresh.append((enrollment_id, key, after))
    if not fresh and not changed:
        return outcomes
    # The guard again, in the statement that takes the sheet: on PostgreSQL it may have moved since it was read.
    touched = link.execute(TOUCH_SHEET if not actor.is_system else TOUCH_ANY, {"sheet_id": sheet.id})
    if touched.rowcount == 0:
        raise WrongState(state_sentence(sheet))
    written: list[tuple[int, str, CellRecord]] = []
    if fresh:
        ids = link.execute(
            insert(_cell).returning(_cell.c.id, sort_by_parameter_order=True),
            [
                {
                    "score_sheet_id": sheet.id,
                    "enrollment_id": enrollment_id,
                    "column_key": key,
                    **cell_values(value, actor, now),
                }
                for enrollment_id, key, value in fresh
            ],
        ).scalars()
        written += [
            (enrollment_id, key, value._replace(id=cell_id))
            for (enrollment_id, key, value), cell_id in zip(fresh, ids, strict=True)
        ]
    for enrollment_id, key, value, old in changed:
        done = link.execute(SET_CELL, {"cell_id": value.id, "seen": old.version, **cell_values(value, actor, now)})
        if done.rowcount == 0:
            raise Stale("Có người vừa sửa một ô trong lúc ghi. Chưa ghi gì; xin làm lại.")
        written.append((enrollment_id, key, value))
    seq = audit.record(
        AuditTag.CELLS_IMPORTED if source in _FROM_FILES else AuditTag.CELLS_CHANGED,
        actor,
        now,
        target_kind="score_sheet",
        target_id=sheet.id,
        state={
            "score_cell": {
                str(value.id): state_after(sheet, enrollment_id, key, value) for enrollment_id, key, value in written
            }
        },
        before={f"{enrollment_id}-{key}": old.text for enrollment_id, key, _, old in changed},
        facts={"sheet": sheet.label, "source": source, "n_cells": len(written), **(facts or {})},
    )
    digest = operation.request_digest if operation else None
    link.execute(
        NEW_VERSION,
        [
            version_values(
                value, actor, now, source, seq, operation.of_cell(enrollment_id, key) if operation else None, digest
            )
            for enrollment_id, key, value in written
        ],
    )
    return outcomes


def save_many(
    actor: Actor, sheet_id: int, cells: Sequence[tuple[int, str, str, int]], *, source: str, now: datetime
) -> list[CellOutcome]:
    """Write typed texts, a form or a pasted block: (enrollment id, column key, text, version seen) each.

    One transaction; each cell has its own outcome, and a text that cannot be read is refused alone. A cell whose text
    equals what the person had been shown is ``same`` even when somebody changed it since: it was not touched here.
    Raises like :func:`save_cell` for the sheet as a whole.
    """
    today = clock.local_date(now)
    with write_transaction() as session:
        head = head_for_typing(actor, sheet_id, today)
        guard_typing(head, today)
        shown = {place: value.text for place, value in values_of_versions(head).items()}
        outcomes: dict[int, CellOutcome] = {}
        wanted: list[tuple[int, str, CellValue, int | None]] = []
        places: list[int] = []
        standing = read_standing(head)
        for place, (enrollment_id, key, raw, seen) in enumerate(cells):
            old = standing.get((enrollment_id, key), NOTHING)
            text = raw if key == REMARK else one_line(raw)
            if text.strip() == shown.get((enrollment_id, key, seen), old.text if old.version == seen else ""):
                outcomes[place] = CellOutcome(enrollment_id, key, "same", version=old.version)
                continue
            try:
                wanted.append((enrollment_id, key, read_value(head, key, raw, old, today), seen))
                places.append(place)
            except DomainError as refusal:
                outcomes[place] = CellOutcome(enrollment_id, key, "refused", refusal.message, old.version)
        outcomes.update(zip(places, write_cells(session, actor, head, wanted, source=source, now=now), strict=True))
    return [outcomes[place] for place in range(len(cells))]


def sheet_head(actor: Actor, sheet_id: int, permission: Permission, now: datetime) -> SheetHead:
    """The sheet for callers outside this module that go on to :func:`write_cells`."""
    if actor.is_system:
        return read_head(sheet_id)
    return sheet_for(actor, sheet_id, permission, clock.local_date(now))
