"""Checking the audit log: the chain, the signed snapshots, and that present values equal their last entries.

A chain alone proves nothing against somebody who can rewrite all of it; the snapshots (size, head, root, signed, and
copied elsewhere) catch a rewritten or shortened log (``services/snapshots.py``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.regulations.hash_chain import GENESIS, merkle_root, row_hash
from hocbaso.services import snapshots
from hocbaso.services.audit import WATCHED, plain


@dataclass(frozen=True, slots=True)
class AuditFault:
    """One thing that is not as it was written. ``seq`` is the entry concerned, where there is one."""

    kind: str
    message: str
    seq: int | None = None
    table: str | None = None
    row_id: str | None = None


@dataclass
class AuditReport:
    """Outcome of a check: how much was read, and what is wrong, the first bad row first."""

    n_entries: int = 0
    n_values: int = 0
    n_snapshots: int = 0
    head_hash: str = GENESIS
    faults: list[AuditFault] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not self.faults


_COLUMNS = (
    m.AuditEntry.seq, m.AuditEntry.at, m.AuditEntry.tag, m.AuditEntry.actor_id, m.AuditEntry.actor_name,
    m.AuditEntry.target_kind, m.AuditEntry.target_id, m.AuditEntry.payload, m.AuditEntry.prev_hash, m.AuditEntry.hash,
)


def verify(*, max_faults: int = 20) -> AuditReport:
    """Check everything and say what is wrong (at most ``max_faults`` per part)."""
    report = AuditReport()
    last: dict[tuple[str, str], tuple[int, dict[str, Any]]] = {}
    hashes: list[str] = []
    for row in _entries():
        report.n_entries += 1
        _check_row(row, hashes, report, max_faults)
        hashes.append(row.hash)
        try:
            state = json.loads(row.payload).get("state", {})
        except ValueError:
            continue
        for kind, rows in state.items():
            for row_id, values in rows.items():
                last[kind, row_id] = (row.seq, values)
    report.head_hash = hashes[-1] if hashes else GENESIS
    _check_snapshots(hashes, report)
    _check_values(last, report, max_faults)
    return report


def _entries() -> Iterator[Any]:
    return iter(db.session.execute(select(*_COLUMNS).order_by(m.AuditEntry.seq).execution_options(yield_per=2000)))


def _check_row(row: Any, hashes: list[str], report: AuditReport, max_faults: int) -> None:
    if len(report.faults) >= max_faults:
        return
    expected_prev = hashes[-1] if hashes else GENESIS
    expected_seq = len(hashes) + 1
    if row.seq != expected_seq:
        report.faults.append(AuditFault("gap", f"Nhật ký nhảy từ dòng {expected_seq - 1} sang dòng {row.seq}: có dòng "
                                               "đã bị xóa hoặc chèn.", seq=row.seq))
    elif row.prev_hash != expected_prev:
        report.faults.append(AuditFault("chain", f"Dòng {row.seq} không nối với dòng trước nó.", seq=row.seq))
    computed = row_hash(seq=row.seq, at=row.at, tag=row.tag, actor_id=row.actor_id, actor_name=row.actor_name,
                        target_kind=row.target_kind, target_id=row.target_id, payload=row.payload,
                        prev_hash=row.prev_hash)
    if computed != row.hash:
        report.faults.append(AuditFault("row", f"Dòng {row.seq} ({row.tag}) đã bị sửa: mã băm không còn khớp nội "
                                               "dung.", seq=row.seq))


def _check_snapshots(hashes: list[str], report: AuditReport) -> None:
    for checkpoint in snapshots.all_checkpoints():
        report.n_snapshots += 1
        if not checkpoint.signature_ok:
            report.faults.append(AuditFault("snapshot", f"Ảnh chụp ngày {checkpoint.day:%d/%m/%Y} "
                                                        f"({checkpoint.source}) có chữ ký không đúng."))
        elif checkpoint.n_entries > len(hashes):
            report.faults.append(AuditFault(
                "truncated", f"Nhật ký chỉ còn {len(hashes)} dòng, ảnh chụp ngày {checkpoint.day:%d/%m/%Y} "
                             f"({checkpoint.source}) đã thấy {checkpoint.n_entries} dòng.", seq=len(hashes) + 1))
        elif checkpoint.n_entries and (
            hashes[checkpoint.n_entries - 1] != checkpoint.head_hash
            or merkle_root(hashes[: checkpoint.n_entries]) != checkpoint.root
        ):
            report.faults.append(AuditFault(
                "rewritten", f"Nhật ký trước ngày {checkpoint.day:%d/%m/%Y} không còn như trong ảnh chụp "
                             f"({checkpoint.source}): đã bị viết lại.", seq=checkpoint.n_entries))


def _check_values(last: dict[tuple[str, str], tuple[int, dict[str, Any]]], report: AuditReport,
                  max_faults: int) -> None:
    found: list[AuditFault] = []
    for kind, (model, columns) in WATCHED.items():
        expected = {row_id: entry for (entry_kind, row_id), entry in last.items() if entry_kind == kind}
        table = model.__table__  # type: ignore[attr-defined]
        statement = select(table.c.id, *(table.c[column] for column in columns)).order_by(table.c.id)
        for row in db.session.execute(statement.execution_options(yield_per=2000)).mappings():
            report.n_values += 1
            row_id = str(row["id"])
            entry = expected.pop(row_id, None)
            if entry is None:
                found.append(AuditFault("unrecorded", f"Bảng {kind}, dòng {row_id}: có dữ liệu mà nhật ký không ghi.",
                                        table=kind, row_id=row_id))
                continue
            seq, values = entry
            wrong = [column for column in columns if column in values and plain(row[column]) != values[column]]
            if wrong:
                changes = "; ".join(f"{column}: nhật ký {values[column]!r}, hiện có {plain(row[column])!r}"
                                    for column in wrong)
                found.append(AuditFault("value", f"Bảng {kind}, dòng {row_id} khác lần ghi cuối (nhật ký dòng {seq}): "
                                                 f"{changes}.", seq=seq, table=kind, row_id=row_id))
        for row_id, (seq, _values) in expected.items():
            found.append(AuditFault("missing", f"Bảng {kind}, dòng {row_id} đã mất; lần ghi cuối ở nhật ký dòng {seq}.",
                                    seq=seq, table=kind, row_id=row_id))
        if len(found) >= max_faults:
            break
    report.faults.extend(found[:max_faults])
