"""Checking the audit log: the chain, the signed snapshots, and that present values equal their last entries.

A chain alone proves nothing against somebody who can rewrite all of it; the snapshots (size, head, root, signed, and
copied elsewhere) catch a rewritten or shortened log (``services/snapshots.py``). Whoever holds the whole machine can
sign again what they rewrote: against that only a checkpoint kept elsewhere helps (``against``).
"""

from __future__ import annotations

import hashlib
import json
import ssl
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import column, select, table

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.documents.checkpoints import Checkpoint
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.hash_chain import GENESIS, ChainReader, MerkleFrontier, is_hash
from hocbaso.services import snapshots
from hocbaso.services.audit import differing, plain, watched_columns
from hocbaso.services.recall_log import recall_faults
from hocbaso.services.sessions import SESSION_MARK
from hocbaso.services.version_log import version_faults
from hocbaso.services.watched_kinds import WATCHED

_Standing = dict[str, dict[str, tuple[int, dict[str, Any]]]]


@dataclass(frozen=True, slots=True)
class AuditFault:
    """One thing that is not as it was written. ``seq`` is the entry concerned, where there is one.

    ``message`` names place and kind and no value, so that the IT officer may read it; ``detail`` adds the values.
    """

    kind: str
    message: str
    seq: int | None = None
    table: str | None = None
    row_id: str | None = None
    detail: str = ""


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


_COLUMNS = ("seq", "at", "tag", "actor_id", "actor_name", "target_kind", "target_id", "payload", "prev_hash", "hash")


def verify(*, max_faults: int = 20, against: Sequence[Checkpoint] = ()) -> AuditReport:
    """Check everything and say what is wrong (at most ``max_faults`` per part).

    ``against``: checkpoints that somebody kept elsewhere, beside those of this machine.
    """
    report = AuditReport()
    checkpoints = [*snapshots.all_checkpoints(), *against]
    log = _LogReading(report, checkpoints, max_faults)
    for row in _entries():
        log.read(row)
    report.n_entries, report.head_hash = log.chain.n_rows, log.chain.head
    log.check_checkpoints()
    log.check_snapshot_entries()
    _check_values(log.standing, report, max_faults)
    _check_contents(report, max_faults)
    _check_versions(report, max_faults)
    _check_recalls(report, max_faults)
    _check_sessions(log.sign_ins, report, max_faults)
    report.faults.extend(AuditFault("snapshot", words) for words in snapshots.export_faults()[:max_faults])
    return report


def _entries() -> Iterator[Any]:
    # Columns without types: the values of a hostile table must reach the check as they are, and it is faster.
    log = table("audit_entry", *(column(name) for name in _COLUMNS))
    return iter(db.session.execute(select(log).order_by(log.c.seq).execution_options(yield_per=2000)))


class _LogReading:
    """One pass over the log."""

    def __init__(self, report: AuditReport, checkpoints: Sequence[Checkpoint], max_faults: int) -> None:
        self.report, self.checkpoints, self.max_faults = report, checkpoints, max_faults
        self.chain, self.tree = ChainReader(), MerkleFrontier()
        self.standing: _Standing = defaultdict(dict)
        self.snapshot_roots: dict[str, tuple[int, str]] = {}
        self.sign_ins: dict[tuple[str, str], set[str | None]] = defaultdict(set)
        """(account, when) -> the beginnings of the digests of the sessions opened then; None where an entry names none."""
        self._wanted = {checkpoint.n_entries for checkpoint in checkpoints}
        self._roots = {0: (GENESIS, self.tree.root())} if 0 in self._wanted else {}
        self._broken_leaf = False

    def read(self, row: Any) -> None:
        """The next row in the order of ``seq``."""
        values = dict(zip(_COLUMNS, row, strict=True))
        for fault in self.chain.read(**values):
            if len(self.report.faults) < self.max_faults:
                self.report.faults.append(AuditFault(fault.kind, fault.message, seq=fault.seq))
        if not self._broken_leaf and is_hash(values["hash"]):
            self.tree.append(values["hash"])
            if self.tree.n_leaves in self._wanted:
                self._roots[self.tree.n_leaves] = (values["hash"], self.tree.root())
        else:
            self._broken_leaf = True
        self._remember(values["seq"], values["at"], values["tag"], values["target_id"], values["payload"])

    def _remember(self, seq: int, at: str, tag: str, target_id: str, payload: Any) -> None:
        try:
            told = json.loads(payload)
            if tag == AuditTag.GROUP_CREATED:  # earlier entries tell the name of a group as a fact only
                self.standing["subject_group"][target_id] = (seq, {"name": told["facts"]["name"]})
            for kind, rows in told.get("state", {}).items():
                known = self.standing[kind]
                for row_id, values in rows.items():
                    if not isinstance(values, dict):
                        raise TypeError("not a state")
                    earlier = known.get(row_id)
                    # An entry may name only some columns; the others keep what an earlier entry said.
                    known[row_id] = (
                        seq,
                        values if earlier is None or earlier[1].keys() <= values.keys() else {**earlier[1], **values},
                    )
            if tag == AuditTag.SNAPSHOT_TAKEN:
                self.snapshot_roots[target_id] = (seq, told["facts"]["root"])
            if tag == AuditTag.SIGNED_IN:
                self.sign_ins[target_id, at].add(told["facts"].get("session"))
        except (ValueError, TypeError, AttributeError, KeyError):
            return  # the row's own fault is already told

    def check_checkpoints(self) -> None:
        """The log still begins with what each checkpoint saw."""
        n_rows = self.chain.n_rows
        for checkpoint in self.checkpoints:
            self.report.n_snapshots += 1
            when = f"{checkpoint.day:%d/%m/%Y} ({checkpoint.source})"
            if not checkpoint.signature_ok:
                self._fault("snapshot", f"Ảnh chụp ngày {when} bị hỏng hoặc không do khoá của máy này ký.")
            elif checkpoint.n_entries > n_rows:
                self._fault(
                    "truncated",
                    f"Nhật ký chỉ còn {n_rows} dòng, ảnh chụp ngày {when} đã thấy {checkpoint.n_entries} dòng.",
                    seq=n_rows + 1,
                )
            elif self._roots.get(checkpoint.n_entries) != (checkpoint.head_hash, checkpoint.root):
                self._fault(
                    "rewritten",
                    f"{checkpoint.n_entries} dòng đầu của nhật ký không còn như trong ảnh chụp "
                    f"ngày {when}: đã bị viết lại.",
                    seq=checkpoint.n_entries,
                )

    def check_snapshot_entries(self) -> None:
        """Each snapshot that the log tells of is still there."""
        roots = {str(row.id): row.root for row in db.session.execute(select(m.AuditSnapshot.id, m.AuditSnapshot.root))}
        for snapshot_id, (seq, root) in self.snapshot_roots.items():
            if roots.get(snapshot_id) != root:
                self._fault(
                    "snapshot", f"Ảnh chụp số {snapshot_id}, ghi ở nhật ký dòng {seq}, đã mất hoặc bị thay.", seq=seq
                )

    def _fault(self, kind: str, message: str, *, seq: int | None = None) -> None:
        if len(self.report.faults) < 2 * self.max_faults:
            self.report.faults.append(AuditFault(kind, message, seq=seq))


def _check_values(standing: _Standing, report: AuditReport, max_faults: int) -> None:
    found: list[AuditFault] = []
    for kind, (model, _names) in WATCHED.items():
        expected = dict(standing.get(kind, {}))
        watched = watched_columns(kind)
        for row_id, row in _rows(model.__table__, [stored for _, stored, _ in watched]):  # type: ignore[attr-defined]
            report.n_values += 1
            entry = expected.pop(row_id, None)
            if row is None:
                found.append(
                    AuditFault(
                        "value",
                        f"Bảng {kind}, dòng {row_id} chứa giá trị không đọc được"
                        + (f" (nhật ký dòng {entry[0]})." if entry else "."),
                        seq=entry[0] if entry else None,
                        table=kind,
                        row_id=row_id,
                    )
                )
                continue
            if entry is None:
                found.append(
                    AuditFault(
                        "unrecorded",
                        f"Bảng {kind}, dòng {row_id}: có dữ liệu mà nhật ký không ghi.",
                        table=kind,
                        row_id=row_id,
                    )
                )
                continue
            seq, values = entry
            present = {name: written(row[stored]) for name, stored, written in watched}
            wrong = differing(kind, present, values)
            if wrong:
                changes = "; ".join(
                    f"{name}: nhật ký {values.get(name)!r}, hiện có {present[name]!r}" for name in wrong
                )
                found.append(
                    AuditFault(
                        "value",
                        f"Bảng {kind}, dòng {row_id} khác lần ghi cuối (nhật ký dòng {seq}) ở cột {', '.join(wrong)}.",
                        seq=seq,
                        table=kind,
                        row_id=row_id,
                        detail=changes,
                    )
                )
        for row_id, (seq, _values) in expected.items():
            found.append(
                AuditFault(
                    "missing",
                    f"Bảng {kind}, dòng {row_id} đã mất; lần ghi cuối ở nhật ký dòng {seq}.",
                    seq=seq,
                    table=kind,
                    row_id=row_id,
                )
            )
        if len(found) >= max_faults:
            break
    report.faults.extend(found[:max_faults])


def _rows(source: Any, columns: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Id and values of each row; None for a row with a value that the column's type can't read (a date of letters)."""
    statement = select(source.c.id, *(source.c[name] for name in columns)).order_by(source.c.id)
    seen: set[str] = set()
    try:
        for row in db.session.execute(statement.execution_options(yield_per=500)).mappings():
            seen.add(str(row["id"]))
            yield str(row["id"]), row
    except (ValueError, TypeError):
        for (row_id,) in db.session.execute(select(source.c.id).order_by(source.c.id)).all():
            if str(row_id) not in seen:
                try:
                    yield str(row_id), db.session.execute(statement.where(source.c.id == row_id)).mappings().one()
                except (ValueError, TypeError):
                    yield str(row_id), None


def _check_contents(report: AuditReport, max_faults: int) -> None:
    """Frozen contents and certificates still have the digest that the log keeps of them."""
    found: list[AuditFault] = []
    for kind, model in (("frozen_result", m.FrozenResult), ("transcript_record", m.TranscriptRecord)):
        statement = select(model.id, model.content, model.content_digest).order_by(model.id)
        for row in db.session.execute(statement.execution_options(yield_per=200)):
            content = row.content if isinstance(row.content, bytes) else str(row.content).encode()
            if hashlib.sha256(content).hexdigest() != row.content_digest and len(found) < max_faults:
                found.append(
                    AuditFault(
                        "value",
                        f"Bảng {kind}, dòng {row.id}: nội dung đã bị sửa, không còn khớp mã băm của nó.",
                        table=kind,
                        row_id=str(row.id),
                    )
                )
    for kind, holder in (("certificate", m.Certificate), ("trust_root", m.TrustRoot)):
        held = select(holder.id, holder.certificate_pem, holder.fingerprint).order_by(holder.id)
        for row in db.session.execute(held):
            if _fingerprint(row.certificate_pem) != row.fingerprint and len(found) < max_faults:
                found.append(
                    AuditFault(
                        "value",
                        f"Bảng {kind}, dòng {row.id}: chứng thư đã bị thay, không còn khớp vân tay của nó.",
                        table=kind,
                        row_id=str(row.id),
                    )
                )
    report.faults.extend(found)


def _check_versions(report: AuditReport, max_faults: int) -> None:
    for n_faults, fault in enumerate(version_faults()):
        if n_faults == max_faults:
            return
        report.faults.append(
            AuditFault(
                "value",
                f"Bảng score_cell_version, dòng {fault.version_id or '?'} (ô {fault.cell_id or '?'}): {fault.words}.",
                seq=fault.seq,
                table="score_cell_version",
                row_id=str(fault.version_id or "?"),
            )
        )


def _check_recalls(report: AuditReport, max_faults: int) -> None:
    for n_faults, fault in enumerate(recall_faults()):
        if n_faults == max_faults:
            return
        report.faults.append(AuditFault("recall", fault.words, seq=fault.seq, table=fault.table, row_id=fault.row_id))


def _check_sessions(sign_ins: dict[tuple[str, str], set[str | None]], report: AuditReport, max_faults: int) -> None:
    """Each open door was opened by a sign-in: its account, its instant and, since entries name it, its token."""
    n_faults = 0
    for row_id, row in _rows(m.UserSession.__table__, ["account_id", "created_at", "token_digest"]):
        known = sign_ins.get((str(row["account_id"]), plain(row["created_at"])), set()) if row is not None else set()
        if row is not None and (None in known or str(row["token_digest"])[:SESSION_MARK] in known):
            continue
        n_faults += 1
        if n_faults > max_faults:
            return
        report.faults.append(
            AuditFault(
                "session",
                f"Bảng user_session, dòng {row_id}: phiên làm việc không có lần đăng nhập nào trong nhật ký mở ra nó.",
                table="user_session",
                row_id=row_id,
            )
        )


def _fingerprint(pem: Any) -> str | None:
    """Hex SHA-256 of the certificate in a PEM text; None when there is none."""
    try:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(str(pem).strip())).hexdigest()
    except ValueError:
        return None
