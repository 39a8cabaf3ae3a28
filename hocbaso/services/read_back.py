"""Đọc dò: two people check a sheet together, one reads the marks aloud, the other follows on paper. Both are named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, or_, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import Invalid, NotAllowed
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.services import audit
from hocbaso.services.access import Actor
from hocbaso.services.score_cells import column_words
from hocbaso.services.score_lines import read_standing
from hocbaso.services.sheet_access import SheetHead, connection, sheet_for, table_of

_read_back = table_of(m.SheetReadBack)
_OF_SHEET = (
    select(
        _read_back.c.reader_id,
        _read_back.c.listener_id,
        _read_back.c.reader_name,
        _read_back.c.listener_name,
        _read_back.c.column_keys,
        _read_back.c.n_cells,
        _read_back.c.at,
    )
    .where(_read_back.c.score_sheet_id == bindparam("sheet_id"))
    .order_by(_read_back.c.id)
)


@dataclass(frozen=True, slots=True)
class ReadBackLine:
    """A check that was made, for people. The names are "" for who is not told them."""

    reader_name: str
    listener_name: str
    columns: str
    n_cells: int
    at: datetime


def read_backs_of(head: SheetHead, actor: Actor, *, told: bool) -> tuple[ReadBackLine, ...]:
    """The checks of a sheet, the first one first.

    Who read and who listened is for the sheet's teacher and for whoever reviews or approves it now (``told``), and for the two
    themselves. Its other readers learn that it was checked, not by which colleague.
    """
    lines = []
    for row in connection().execute(_OF_SHEET, {"sheet_id": head.id}):
        named = told or (actor.person_id is not None and actor.person_id in (row.reader_id, row.listener_id))
        columns = ", ".join(column_words(head, key) for key in row.column_keys.split(","))
        reader, listener = (row.reader_name, row.listener_name) if named else ("", "")
        lines.append(ReadBackLine(reader, listener, columns, row.n_cells, row.at))
    return tuple(lines)


def partners(actor: Actor, sheet_id: int, now: datetime) -> tuple[SheetHead, list[tuple[int, str]]]:
    """The sheet and the colleagues who may read or listen, by name; NotFound or NotAllowed for anybody but its author."""
    today = clock.local_date(now)
    head = sheet_for(actor, sheet_id, Permission.SHEET_ENTER, today)
    rows = db.session.execute(
        select(m.Person.id, m.Person.full_name)
        .where(m.Person.id != actor.person_id, or_(m.Person.left_on.is_(None), m.Person.left_on >= today))
        .order_by(m.Person.sort_key)
    )
    return head, [(row.id, row.full_name) for row in rows]


def record_read_back(
    actor: Actor,
    sheet_id: int,
    *,
    partner_id: int,
    actor_reads: bool,
    column_keys: Sequence[str],
    n_read: int,
    now: datetime,
) -> ReadBackLine:
    """Write down who read, who listened, which columns and how many marks: one row with its audit entry.

    The actor is one of the two; ``n_read`` is bounded by the marks that stand in those columns. Raises NotFound and
    NotAllowed by scope, Invalid for a partner who is not on the staff, no column, or nothing read.
    """
    today = clock.local_date(now)
    with write_transaction() as session:
        head = sheet_for(actor, sheet_id, Permission.SHEET_ENTER, today)
        if actor.person_id is None:
            raise NotAllowed("Đọc dò là việc của hai người.")
        keys = list(dict.fromkeys(column_keys))
        if not keys:
            raise Invalid("Xin chọn ít nhất một cột đã đọc.", field="column_keys")
        words = ", ".join(column_words(head, key) for key in keys)
        partner = session.get(m.Person, partner_id)
        if partner is None or partner.id == actor.person_id or (partner.left_on and partner.left_on < today):
            raise Invalid("Xin chọn đồng nghiệp cùng dò.", field="partner_id")
        n_marks = sum(1 for (_, key), record in read_standing(head).items() if key in keys and record.text)
        n_cells = min(n_read, n_marks)
        if n_cells < 1:
            raise Invalid("Chưa có điểm nào được đọc trong các cột này.", field="n_read")
        pair = [(actor.person_id, actor.name), (partner.id, partner.full_name)]
        (reader_id, reader_name), (listener_id, listener_name) = pair if actor_reads else reversed(pair)
        row = m.SheetReadBack(
            score_sheet_id=head.id,
            reader_id=reader_id,
            listener_id=listener_id,
            reader_name=reader_name,
            listener_name=listener_name,
            column_keys=",".join(keys),
            n_cells=n_cells,
            content_version=head.content_version,
            at=now,
            by_account_id=actor.account_id,
        )
        session.add(row)
        session.flush()
        audit.record(
            AuditTag.SHEET_READ_BACK,
            actor,
            now,
            target_kind="score_sheet",
            target_id=head.id,
            state=audit.states("sheet_read_back", [row]),
            facts={"sheet": head.label, "reader": reader_name, "listener": listener_name, "columns": words},
        )
        return ReadBackLine(reader_name, listener_name, words, n_cells, now)
