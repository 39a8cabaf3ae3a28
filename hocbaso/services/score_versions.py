"""The statements that write a cell and its versions and read these back, shared by the single cell, the block and the file."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from hocbaso import models as m
from hocbaso.regulations.score_sheet_flow import EDITABLE
from hocbaso.services import audit
from hocbaso.services.access import Actor
from hocbaso.services.score_cells import CellRecord
from hocbaso.services.sheet_access import SheetHead, connection, table_of

_sheet = table_of(m.ScoreSheet)
_cell = table_of(m.ScoreCell)
_version = table_of(m.ScoreCellVersion)

CARRIED = "carried"
"""Source of a version that a change of class brought (``ScoreCellVersion.source``)."""

TOUCH_SHEET = (
    update(_sheet)
    .where(_sheet.c.id == bindparam("sheet_id"), _sheet.c.state.in_([state.value for state in EDITABLE]))
    .values(content_version=_sheet.c.content_version + 1)
)
TOUCH_ANY = (
    update(_sheet).where(_sheet.c.id == bindparam("sheet_id")).values(content_version=_sheet.c.content_version + 1)
)
SET_CELL = (
    update(_cell)
    .where(_cell.c.id == bindparam("cell_id"), _cell.c.version == bindparam("seen"))
    .values(
        {
            name: bindparam(name)
            for name in ("tenths", "mark", "remark", "origin", "makeup_due_on", "version", "updated_at", "updated_by")
        }
    )
)
NEW_CELL = insert(_cell)
NEW_VERSION = insert(_version)
BY_OP = (
    select(_version, _cell.c.score_sheet_id, _cell.c.enrollment_id, _cell.c.column_key)
    .join(_cell, _cell.c.id == _version.c.score_cell_id)
    .where(_version.c.op_id == bindparam("op"))
)


def cell_values(value: CellRecord, actor: Actor, now: datetime) -> dict[str, Any]:
    """The columns of the cell table for a value."""
    return {
        "tenths": value.tenths,
        "mark": value.mark,
        "remark": value.remark,
        "origin": value.origin,
        "makeup_due_on": value.makeup_due_on,
        "version": value.version,
        "updated_at": now,
        "updated_by": actor.account_id,
    }


def version_values(
    value: CellRecord,
    actor: Actor,
    now: datetime,
    source: str,
    seq: int,
    op_id: str | None = None,
    request_digest: str | None = None,
) -> dict[str, Any]:
    """The columns of the version table for a value."""
    return {
        "score_cell_id": value.id,
        "version": value.version,
        "tenths": value.tenths,
        "mark": value.mark,
        "remark": value.remark,
        "origin": value.origin,
        "makeup_due_on": value.makeup_due_on,
        "source": source,
        "op_id": op_id,
        "request_digest": request_digest,
        "at": now,
        "by_account_id": actor.account_id,
        "audit_seq": seq,
    }


def put(
    link: Any,
    actor: Actor,
    head: SheetHead,
    enrollment_id: int,
    column_key: str,
    value: CellRecord,
    standing: CellRecord,
    now: datetime,
) -> CellRecord | None:
    """The stored record, or None when the version had moved on."""
    after = value._replace(version=standing.version + 1, id=standing.id)
    if standing.version:
        done = link.execute(
            SET_CELL, {"cell_id": standing.id, "seen": standing.version, **cell_values(after, actor, now)}
        )
        return after if done.rowcount == 1 else None
    result = link.execute(
        NEW_CELL,
        {
            "score_sheet_id": head.id,
            "enrollment_id": enrollment_id,
            "column_key": column_key,
            **cell_values(after, actor, now),
        },
    )
    return after._replace(id=result.inserted_primary_key[0])


def state_after(head: SheetHead, enrollment_id: int, column_key: str, value: CellRecord) -> dict[str, Any]:
    """What the audit entry keeps of a cell after the act."""
    return audit.state_of(
        "score_cell",
        {
            "score_sheet_id": head.id,
            "enrollment_id": enrollment_id,
            "column_key": column_key,
            "tenths": value.tenths,
            "mark": value.mark,
            "remark": value.remark,
            "origin": value.origin,
            "makeup_due_on": value.makeup_due_on,
            "version": value.version,
        },
    )


def state_before(standing: CellRecord) -> dict[str, Any] | None:
    """What the audit entry keeps of a cell before the act; None for a first value."""
    if not standing.version:
        return None
    return {
        "tenths": standing.tenths,
        "mark": standing.mark,
        "remark": standing.remark,
        "origin": standing.origin,
        "makeup_due_on": standing.makeup_due_on,
        "version": standing.version,
    }


def values_of_versions(head: SheetHead) -> dict[tuple[int, str, int], CellRecord]:
    """Every version of every cell of the sheet by (enrolment id, column key, version)."""
    rows = connection().execute(
        select(
            _cell.c.enrollment_id,
            _cell.c.column_key,
            _version.c.version,
            _version.c.tenths,
            _version.c.mark,
            _version.c.remark,
            _version.c.origin,
            _version.c.makeup_due_on,
        )
        .join(_version, _version.c.score_cell_id == _cell.c.id)
        .where(_cell.c.score_sheet_id == head.id)
    )
    return {
        (row.enrollment_id, row.column_key, row.version): CellRecord(
            row.tenths, row.mark, row.remark, row.origin, row.makeup_due_on, row.version
        )
        for row in rows
    }
