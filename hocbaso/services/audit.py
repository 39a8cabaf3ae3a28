"""Writing the audit log: one entry per act, in the same transaction as the change it tells of.

The payload's ``state`` holds, for each watched row the act touched, the values it wrote. Replayed, the later over the earlier
(``services/log_reading.py``), they give what each row must be, and so show a value that was changed behind the application's back.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from enum import Enum
from functools import cache
from typing import Any, cast

from sqlalchemy import Table, event, insert, inspect, select
from sqlalchemy.orm import Session

from hocbaso import models as m
from hocbaso.db import db, in_write_transaction
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.hash_chain import GENESIS, canonical_json, row_hash
from hocbaso.services.access import Actor
from hocbaso.services.watched_kinds import ADDED_LATER, DIGESTED, EMPTY_UNTIL_TOLD, WATCHED


def plain(value: Any) -> Any:
    """A column value as it stands in a payload: dates and instants as ISO text, enums as their value."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return value


def _digest(stored: Any) -> str | None:
    return None if stored is None else hashlib.sha256(str(stored).encode("utf-8")).hexdigest()


@cache
def watched_columns(kind: str) -> tuple[tuple[str, str, Callable[[Any], Any]], ...]:
    """(watched name, column of the table, how its value is written into a payload) for each watched value of a kind."""
    return tuple(
        (name, secret, _digest) if (secret := DIGESTED.get((kind, name))) else (name, name, plain)
        for name in WATCHED[kind][1]
    )


def state_of(kind: str, row: Any) -> dict[str, Any]:
    """The watched values of a row or mapping, ready for a payload."""
    if isinstance(row, Mapping):
        return {name: written(row[column]) for name, column, written in watched_columns(kind)}
    return {name: written(getattr(row, column)) for name, column, written in watched_columns(kind)}


def same(present: Any, written: Any) -> bool:
    """Whether a present watched value is the written one (the log keeps texts in NFC)."""
    if isinstance(present, str) and isinstance(written, str) and present != written:
        return unicodedata.normalize("NFC", present) == written
    return bool(present == written)


_NOTED = "hocbaso_changed_columns"


@event.listens_for(Session, "before_flush")
def _note_changes(session: Session, _context: object, _instances: object) -> None:
    noted: dict[Any, set[str] | None] = session.info.setdefault(_NOTED, {})
    for row in session.new:
        noted[row] = None
    for row in session.dirty:
        columns = noted.setdefault(row, set())
        if columns is not None:
            seen = inspect(row)
            columns |= {one.key for one in seen.mapper.column_attrs if seen.attrs[one.key].history.has_changes()}


@event.listens_for(Session, "after_transaction_end")
def _forget_changes(session: Session, transaction: Any) -> None:
    if transaction.parent is None:
        session.info.pop(_NOTED, None)


def differing(kind: str, present: Mapping[str, Any], told: Mapping[str, Any]) -> list[str]:
    """The watched columns in which a row (as :func:`state_of` has it) is not what the log says.

    A column that no entry tells is one of them: whatever tells of a row's birth tells all of it.
    """
    later, empty = ADDED_LATER.get(kind, frozenset()), EMPTY_UNTIL_TOLD.get(kind, frozenset())
    return [
        name
        for name, value in present.items()
        if (
            not same(value, told[name]) if name in told else (value is not None if name in empty else name not in later)
        )
    ]


def states(
    kind: str, rows: Iterable[Any], *, secrets: Iterable[str] = (), columns: Iterable[str] = ()
) -> dict[str, dict[str, dict[str, Any]]]:
    """``{kind: {id: values}}`` for :func:`record`'s ``state``: of each ORM row what this transaction wrote into it.

    A new row is told whole. Of another only the columns that changed since they were read are told: an entry that told the whole
    row would vouch for whatever another program had put beside them. ``columns`` names those written by an UPDATE
    statement, which the session does not see.

    Digests stand only in the entry of the act that set the secret (``secrets`` names them), for the same reason.
    """
    session: Session = db.session()
    session.flush()
    noted: dict[Any, set[str] | None] = session.info.get(_NOTED, {})
    stated, secret = set(columns), set(secrets)
    told: dict[str, dict[str, Any]] = {}
    for row in rows:
        written = noted.get(row, set())
        values = {
            name: value
            for name, value in state_of(kind, row).items()
            if (name in secret if (kind, name) in DIGESTED else written is None or name in written or name in stated)
        }
        if values:
            told[str(row.id)] = values
    return {kind: told} if told else {}


def merge_states(*parts: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Several ``state`` mappings as one."""
    merged: dict[str, dict[str, Any]] = {}
    for part in parts:
        for kind, rows in part.items():
            merged.setdefault(kind, {}).update(rows)
    return merged


# On the table and not the class: every saved score waits for these two, and the mapper's share was half of their time.
_ENTRY = cast(Table, m.AuditEntry.__table__)
_LAST = select(_ENTRY.c.seq, _ENTRY.c.hash).order_by(_ENTRY.c.seq.desc()).limit(1)
_APPEND = insert(_ENTRY)


def record(
    tag: AuditTag,
    actor: Actor,
    now: datetime,
    *,
    target_kind: str,
    target_id: object,
    state: dict[str, dict[str, Any]] | None = None,
    before: dict[str, Any] | None = None,
    note: str | None = None,
    facts: dict[str, Any] | None = None,
) -> int:
    """Append one entry to the chain and return its ``seq``.

    ``state``: values after the act per watched kind and id (see :func:`states`); ``before``: the values that
    changed, as they were; ``note``: what the person wrote; ``facts``: anything else an inspector should read.
    Raises RuntimeError outside :func:`hocbaso.db.write_transaction`: an entry must stand or fall with its change.
    """
    if not in_write_transaction():
        raise RuntimeError("an audit entry outside write_transaction()")
    session: Session = db.session()
    session.flush()
    link = session.connection()
    last = link.execute(_LAST).first()
    seq, prev_hash = (last.seq + 1, last.hash) if last else (1, GENESIS)
    payload: dict[str, Any] = {}
    if state:
        payload["state"] = state
    if before:
        payload["before"] = {key: plain(value) for key, value in before.items()}
    if note:
        payload["note"] = note
    if facts:
        payload["facts"] = facts
    at = now.astimezone(UTC).isoformat(timespec="microseconds")
    text = canonical_json(payload)
    values = {
        "seq": seq,
        "at": at,
        "tag": tag.value,
        "actor_id": actor.account_id,
        "actor_name": actor.name,
        "target_kind": target_kind,
        "target_id": str(target_id),
        "payload": text,
        "prev_hash": prev_hash,
    }
    values["hash"] = row_hash(**values)  # type: ignore[arg-type]
    link.execute(_APPEND, values)
    return seq


def payload_of(entry: m.AuditEntry) -> dict[str, Any]:
    """The payload of an entry as a mapping."""
    loaded: dict[str, Any] = json.loads(entry.payload)
    return loaded
