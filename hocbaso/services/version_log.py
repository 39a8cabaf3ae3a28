"""Every value a cell has had is the one that its entry told, by whom, when and how, and none is missing.

Undo, the history and the rule of two hands read them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, column, func, or_, select, table

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import IntegrityFault
from hocbaso.services.audit import plain, same
from hocbaso.services.log_reading import aimed_at, replay

_VERSION = m.ScoreCellVersion.__table__
# Without types: what a hostile file holds must reach the check as it is, and a third of the time goes into reading dates.
_LOG = table("audit_entry", *(column(name) for name in ("seq", "at", "actor_id", "payload")))
_CELL = m.ScoreCell.__table__
_TOLD = ("tenths", "mark", "remark", "origin", "makeup_due_on", "version")
_RAW = table(
    "score_cell_version",
    *(column(name) for name in ("id", "score_cell_id", "by_account_id", "at", "source", "audit_seq", *_TOLD)),
)
_CORRECTED, _CARRIED = "corrected", "carried"


@dataclass(frozen=True, slots=True)
class VersionFault:
    """A version that is not what the log wrote, or a cell (no ``version_id``) that has lost one."""

    version_id: int | None
    cell_id: int | None
    words: str
    seq: int | None = None


def version_faults(cell_ids: Collection[int] | None = None) -> Iterator[VersionFault]:
    """What is wrong with the versions of these cells, of all cells by default. The current value is checked elsewhere."""
    rows = select(_RAW, _LOG.c.seq, _LOG.c.at, _LOG.c.actor_id, _LOG.c.payload).select_from(
        _RAW.outerjoin(_LOG, _LOG.c.seq == _RAW.c.audit_seq)
    )
    if cell_ids is not None:
        rows = rows.where(_RAW.c.score_cell_id.in_(list(cell_ids)))
    last = _Act(None, {}, None, None, {})
    askers: dict[object, Any] = {}
    found = db.session.connection().execute(
        rows.order_by(_RAW.c.audit_seq, _RAW.c.id).execution_options(yield_per=2000)
    )
    for version_id, cell_id, by, at, source, _, *values, seq, told_at, actor_id, payload in found:
        if seq is None:
            yield VersionFault(version_id, cell_id, "có giá trị mà nhật ký không ghi")
            continue
        if seq != last.seq:
            last = _act_of(seq, payload)
        told = last.cells.get(str(cell_id))
        if told is None or not _as_told(values, told):
            yield VersionFault(version_id, cell_id, f"khác lần ghi ở nhật ký dòng {seq}", seq)
            continue
        wrong = []
        if by != _author(actor_id, cell_id, last, askers):
            wrong.append("người ghi")
        if _instant(at) != told_at:
            wrong.append("lúc ghi")
        if last.source is not None and source != last.source:
            wrong.append("cách ghi")
        if wrong:
            yield VersionFault(version_id, cell_id, f"có {', '.join(wrong)} khác nhật ký dòng {seq}", seq)
    only = None if cell_ids is None else _VERSION.c.score_cell_id.in_(list(cell_ids))
    counts = select(
        _VERSION.c.score_cell_id, func.count().label("n"), func.max(_VERSION.c.version).label("newest")
    ).group_by(_VERSION.c.score_cell_id)
    kept = (counts if only is None else counts.where(only)).subquery()
    lost = (
        select(_CELL.c.id, _CELL.c.version)
        .outerjoin(kept, kept.c.score_cell_id == _CELL.c.id)
        .where(or_(kept.c.n.is_(None), kept.c.n != _CELL.c.version, kept.c.newest != _CELL.c.version))
    )
    for cell_id, newest in db.session.execute(lost if cell_ids is None else lost.where(_CELL.c.id.in_(list(cell_ids)))):
        yield VersionFault(None, cell_id, f"ô đang ở lần ghi {newest} mà không giữ đủ từng ấy lần")
    unlike = (
        select(_CELL.c.id)
        .join(_VERSION, and_(_VERSION.c.score_cell_id == _CELL.c.id, _VERSION.c.version == _CELL.c.version))
        .where(
            or_(
                _CELL.c.updated_by.is_distinct_from(_VERSION.c.by_account_id),
                _CELL.c.updated_at.is_distinct_from(_VERSION.c.at),
            )
        )
    )
    here = unlike if cell_ids is None else unlike.where(_CELL.c.id.in_(list(cell_ids)))
    for (cell_id,) in db.session.execute(here):
        yield VersionFault(None, cell_id, "ô có người ghi hoặc lúc ghi khác lần ghi cuối của nó")


def require_versions_told(cell_ids: Collection[int]) -> None:
    """Refuse to write an earlier value back that the log did not write. Raises IntegrityFault."""
    if next(version_faults(cell_ids), None) is not None:
        raise IntegrityFault(
            "Một giá trị trước đây của các ô này khác với nhật ký: đã bị sửa ngoài phần mềm. Chưa hoàn tác gì; xin báo Hiệu "
            "trưởng và người phụ trách CNTT."
        )


def _as_told(values: list[Any], told: dict[str, Any]) -> bool:
    for value, name in zip(values, _TOLD, strict=True):
        said = told.get(name)
        if value != said and not same(plain(value), said):
            return False
    return True


def _instant(stored: Any) -> Any:
    """The instant as an entry writes it; SQLite keeps it as text without its zone."""
    return f"{stored[:10]}T{stored[11:]}+00:00" if isinstance(stored, str) else plain(stored)


@dataclass(frozen=True, slots=True)
class _Act:
    """What an entry tells of the versions it wrote: the cells, how, the request of a correction, whose values were carried."""

    seq: int | None
    cells: dict[str, Any]
    source: str | None
    request: object
    authors: dict[str, Any]


def _act_of(seq: int, payload: Any) -> _Act:
    try:
        told = json.loads(payload)
        cells, facts = told["state"]["score_cell"], told.get("facts", {})
        if isinstance(cells, dict) and isinstance(facts, dict):
            authors = facts.get("authors")
            whose = authors if isinstance(authors, dict) else {}
            return _Act(seq, cells, facts.get("source"), facts.get("request"), whose)
    except (ValueError, TypeError, KeyError, AttributeError):
        pass
    return _Act(seq, {}, None, None, {})


def _author(actor_id: int | None, cell_id: object, act: _Act, askers: dict[object, Any]) -> Any:
    """Whose account a version of this act bears: who acted; of a correction who asked for it, as the log tells the request; of a value
    that went along into another class whose value it was."""
    if act.source == _CARRIED:
        return act.authors.get(str(cell_id), actor_id)
    if act.source != _CORRECTED:
        return actor_id
    if act.request not in askers:
        aimed = aimed_at({"correction_request": (act.request,)})
        told = replay(aimed, ("correction_request",))["correction_request"].get(str(act.request), {})
        askers[act.request] = told.get("asked_by")
    return askers[act.request]
