"""The past of a cell, for people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import and_, bindparam, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.errors import WrongState
from hocbaso.regulations.blind_check import COLUMNS
from hocbaso.regulations.permissions import Permission
from hocbaso.services.access import Actor
from hocbaso.services.blind_access import hides_from
from hocbaso.services.score_cells import CellRecord, column_words, view_cell
from hocbaso.services.score_lines import read_row
from hocbaso.services.score_versions import CARRIED
from hocbaso.services.sheet_access import connection, sheet_for, table_of

_cell = table_of(m.ScoreCell)
_version = table_of(m.ScoreCellVersion)
_account = table_of(m.Account)
_person = table_of(m.Person)
_entry = table_of(m.AuditEntry)

_HISTORY = (
    select(
        _version.c.version,
        _version.c.tenths,
        _version.c.mark,
        _version.c.remark,
        _version.c.origin,
        _version.c.makeup_due_on,
        _version.c.at,
        _version.c.source,
        _entry.c.payload,
        _person.c.full_name,
    )
    .join(_cell, _cell.c.id == _version.c.score_cell_id)
    .outerjoin(_account, _account.c.id == _version.c.by_account_id)
    .outerjoin(_person, _person.c.id == _account.c.person_id)
    .outerjoin(_entry, and_(_entry.c.seq == _version.c.audit_seq, _version.c.source == CARRIED))
    .where(
        _cell.c.score_sheet_id == bindparam("sheet_id"),
        _cell.c.enrollment_id == bindparam("enrollment_id"),
        _cell.c.column_key == bindparam("column_key"),
    )
    .order_by(_version.c.version.desc())
)


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One version of a cell, for people. ``before``: what it took the place of, None for the first version.

    ``origin``: how the value came about (a name of ``ScoreOrigin``); ``makeup_due_on`` with a make-up that is due.
    """

    version: int
    text: str
    state: str
    at: datetime
    by_name: str
    source: str
    origin: str
    makeup_due_on: date | None
    before: str | None
    from_class: str = ""
    """Of a value that a change of class brought: ``6A``."""


def cell_history(
    actor: Actor, sheet_id: int, enrollment_id: int, column_key: str, now: datetime
) -> tuple[str, str, tuple[HistoryLine, ...]]:
    """Student's name, the column in words, and every value the cell has had, newest first.

    Raises NotFound out of scope, WrongState while this person is to be kept from the value (đối chiếu bài gốc).
    """
    head = sheet_for(actor, sheet_id, Permission.SHEET_READ, clock.local_date(now))
    words = column_words(head, column_key)
    if column_key in COLUMNS and hides_from(actor, head):
        raise WrongState("Lịch sử của ô này xem được sau khi đối chiếu bài gốc xong.")
    full_name, _, _ = read_row(head, enrollment_id)
    rows = (
        connection()
        .execute(_HISTORY, {"sheet_id": head.id, "enrollment_id": enrollment_id, "column_key": column_key})
        .all()
    )
    records = [CellRecord(row.tenths, row.mark, row.remark, row.origin, row.makeup_due_on, row.version) for row in rows]
    lines = []
    for row, record, earlier in zip(rows, records, [*records, None][1:], strict=True):  # newest first
        state = view_cell(column_key, record, "", False).state
        by_name = row.full_name or "Hệ thống"
        before = earlier.text if earlier is not None else None
        lines.append(
            HistoryLine(
                row.version,
                record.text,
                state,
                row.at,
                by_name,
                row.source,
                row.origin,
                row.makeup_due_on,
                before,
                _from_class(row.payload),
            )
        )
    return full_name, words, tuple(lines)


def _from_class(payload: str | None) -> str:
    return str(json.loads(payload)["facts"]["from_class"]) if payload else ""
