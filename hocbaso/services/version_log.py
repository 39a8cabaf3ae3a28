"""Every earlier value of a cell is the one that its entry told, and none is missing: undo and the history read them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.errors import IntegrityFault
from hocbaso.services.audit import plain, same

_VERSION = m.ScoreCellVersion.__table__
_ENTRY = m.AuditEntry.__table__
_CELL = m.ScoreCell.__table__
_TOLD = ("tenths", "mark", "remark", "origin", "makeup_due_on", "version")


@dataclass(frozen=True, slots=True)
class VersionFault:
    """A version that is not what the log wrote, or a cell (no ``version_id``) that has lost one."""

    version_id: int | None
    cell_id: int | None
    words: str
    seq: int | None = None


def version_faults(cell_ids: Collection[int] | None = None) -> Iterator[VersionFault]:
    """What is wrong with the versions of these cells, of all cells by default. The current value is checked elsewhere."""
    only = None if cell_ids is None else _VERSION.c.score_cell_id.in_(list(cell_ids))
    rows = (
        select(
            _VERSION.c.id,
            _VERSION.c.score_cell_id,
            *(_VERSION.c[name] for name in _TOLD),
            _ENTRY.c.seq,
            _ENTRY.c.payload,
        )
        .select_from(_VERSION.outerjoin(_ENTRY, _ENTRY.c.seq == _VERSION.c.audit_seq))
        .order_by(_VERSION.c.audit_seq, _VERSION.c.id)
    )
    last: tuple[int | None, dict[str, Any]] = (None, {})
    try:
        found = db.session.execute((rows if only is None else rows.where(only)).execution_options(yield_per=500))
        for row in found.mappings():
            if row["seq"] is None:
                yield VersionFault(row["id"], row["score_cell_id"], "có giá trị mà nhật ký không ghi")
                continue
            if row["seq"] != last[0]:
                last = (row["seq"], _told_cells(row["payload"]))
            told = last[1].get(str(row["score_cell_id"]))
            if told is None or any(not same(plain(row[name]), told.get(name)) for name in _TOLD):
                words = f"khác lần ghi ở nhật ký dòng {row['seq']}"
                yield VersionFault(row["id"], row["score_cell_id"], words, row["seq"])
    except (ValueError, TypeError):
        yield VersionFault(None, None, "có giá trị không đọc được")
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


def require_versions_told(cell_ids: Collection[int]) -> None:
    """Refuse to write an earlier value back that the log did not write. Raises IntegrityFault."""
    if next(version_faults(cell_ids), None) is not None:
        raise IntegrityFault(
            "Một giá trị trước đây của các ô này khác với nhật ký: đã bị sửa ngoài phần mềm. Chưa hoàn tác gì; xin báo Hiệu "
            "trưởng và giáo viên CNTT."
        )


def _told_cells(payload: Any) -> dict[str, Any]:
    try:
        told = json.loads(payload)["state"]["score_cell"]
    except (ValueError, TypeError, KeyError):
        return {}
    return told if isinstance(told, dict) else {}
