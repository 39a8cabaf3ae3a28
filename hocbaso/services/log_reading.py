"""Reading the log back: what it says that a row is.

What is compared with the log trusts it, so each entry read here must fit its own hash: a value and its entry changed together would
otherwise agree. That the chain as a whole holds is for :mod:`hocbaso.services.audit_verify` to say.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, true

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import IntegrityFault
from hocbaso.regulations.hash_chain import row_hash
from hocbaso.services import audit

_ENTRY = m.AuditEntry.__table__
_HASHED = ("seq", "at", "tag", "actor_id", "actor_name", "target_kind", "target_id", "payload", "prev_hash")

Told = dict[str, dict[str, dict[str, Any]]]
"""kind -> row id -> watched values"""

Targets = Mapping[str, Collection[object] | None]
"""Target kind -> ids, None for all of the kind."""

MANY_AT_ONCE: Mapping[str, None] = dict.fromkeys(("school", "school_year", "class_group", "person"))
"""Targets of entries that tell of many rows at once: rosters, imports, a homeroom class, the duties of somebody who leaves."""


def told_states(aimed: ColumnElement[bool]) -> Iterator[Told]:
    """The ``state`` of the entries that ``aimed`` picks, in the order of the log; entries without one are left out.

    IntegrityFault names the first entry that does not fit its hash.
    """
    columns = [_ENTRY.c[name] for name in (*_HASHED, "hash")]
    for entry in db.session.connection().execute(select(*columns).where(aimed).order_by(_ENTRY.c.seq)).mappings():
        if row_hash(**{name: entry[name] for name in _HASHED}) != entry["hash"]:
            raise IntegrityFault(
                f"Nhật ký dòng {entry['seq']} đã bị sửa ngoài phần mềm nên không dùng để đối chiếu được. Chưa có gì thay đổi; "
                "xin báo người phụ trách CNTT chạy lệnh kiểm tra nhật ký (flask audit verify)."
            )
        state = json.loads(entry["payload"]).get("state")
        if state:
            yield state


def aimed_at(targets: Targets) -> ColumnElement[bool]:
    """Entries aimed at these targets."""
    return or_(
        *(
            and_(
                _ENTRY.c.target_kind == kind,
                true() if ids is None else _ENTRY.c.target_id.in_([str(row_id) for row_id in ids]),
            )
            for kind, ids in targets.items()
        )
    )


def replay(aimed: ColumnElement[bool], kinds: Collection[str]) -> Told:
    """What the log says of rows of ``kinds``, the later over the earlier: an entry may name only some columns of a row."""
    told: Told = {kind: {} for kind in kinds}
    for state in told_states(aimed):
        for kind in kinds:
            rows = told[kind]
            for row_id, values in state.get(kind, {}).items():
                rows[row_id] = {**rows[row_id], **values} if row_id in rows else values
    return told


def require_rows_told(aimed: ColumnElement[bool], rows: Mapping[str, Iterable[Any]], what: str) -> None:
    """Refuse to go on where rows were added, removed or changed without an entry.

    ``rows``: by kind, all present rows of what ``aimed`` picks; ``what``: them in words. Raises IntegrityFault.
    """
    told = replay(aimed, rows)
    for kind, standing in rows.items():
        present = {str(row.id): audit.state_of(kind, row) for row in standing}
        if present.keys() != told[kind].keys() or any(
            audit.differing(kind, values, told[kind][row_id]) for row_id, values in present.items()
        ):
            raise IntegrityFault(
                f"{what} khác với nhật ký: đã bị sửa ngoài phần mềm. Chưa có gì thay đổi; "
                "xin báo Hiệu trưởng và người phụ trách CNTT."
            )


def told_of(kind: str, row_id: int, *, under: Targets = MANY_AT_ONCE) -> dict[str, Any] | None:
    """What the log says of one row; None when it does not tell of it.

    ``under``: the targets that such rows are told under, beside the row itself.
    """
    names_it = and_(
        _ENTRY.c.payload.contains(f'"{kind}":{{', autoescape=True),
        _ENTRY.c.payload.contains(f'"{row_id}":{{', autoescape=True),
    )
    return replay(and_(aimed_at({**under, kind: (row_id,)}), names_it), (kind,))[kind].get(str(row_id))


def require_told(
    kind: str, row_id: int, as_read: Mapping[str, Any], what: str, *, under: Targets = MANY_AT_ONCE
) -> None:
    """Refuse to go on from values that the log did not write: what follows would make them look lawful.

    ``as_read``: watched values as they were read; ``what``: the row in words. Raises IntegrityFault.
    """
    told = told_of(kind, row_id, under=under)
    if told is None or any(not audit.same(audit.plain(value), told.get(name)) for name, value in as_read.items()):
        raise IntegrityFault(
            f"{what} trong cơ sở dữ liệu khác với nhật ký: đã bị sửa ngoài phần mềm. Chưa có gì thay đổi; "
            "xin báo Hiệu trưởng và người phụ trách CNTT."
        )
