"""Signed checkpoints of the audit log, one a day; the text form is ``documents/checkpoints.py``.

A copy lies in ``checkpoints/`` of the instance as a file, to be carried elsewhere (``HOCBASO_CHECKPOINT_COPY``: a stick, a folder
of another machine; the department's mailbox, a printed line on the day's register): what is kept elsewhere can't be rewritten here.
Beside it lies the export of all results and states that it names; of nightly ones the last :data:`KEEP_NIGHTLY`, those of deadlines for ever.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import current_app
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.config import Config
from hocbaso.db import db, in_write_transaction, write_transaction
from hocbaso.documents import checkpoints
from hocbaso.documents.checkpoints import Checkpoint
from hocbaso.errors import IntegrityFault
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.hash_chain import GENESIS, MerkleFrontier
from hocbaso.services import audit, state_export
from hocbaso.services.access import Actor
from hocbaso.services.state_export import StateExport

KEEP_NIGHTLY = 30
"""Exports of nightly snapshots that stay; their signed roots stay all."""


@dataclass(frozen=True, slots=True)
class SignedBody:
    """A checkpoint that is computed and signed, not yet recorded."""

    day: date
    n_entries: int
    head_hash: str
    root: str
    taken_at: datetime
    body: str
    signature: str
    occasion: str = ""
    export: StateExport | None = None


def _settings() -> Config:
    settings: Config = current_app.config["HOCBASO"]
    return settings


def _key_file() -> Path:
    return _settings().keys / "snapshot-ed25519.pem"


def _load_key() -> Ed25519PrivateKey:
    loaded = serialization.load_pem_private_key(_key_file().read_bytes(), password=None)
    assert isinstance(loaded, Ed25519PrivateKey)
    return loaded


def signing_key() -> Ed25519PrivateKey:
    """The machine's snapshot key, made on first use (0600). Its public half stands in every body."""
    path = _key_file()
    if not path.exists():
        data = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".tmp-", dir=path.parent)  # 0600
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            # A link fails where a rename would replace: of two processes that begin at once, the first one's key stays.
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)
        finally:
            os.unlink(temporary)
    return _load_key()


def public_key() -> str | None:
    """Base64 of the public half, for those who keep checkpoints elsewhere; None before the first snapshot."""
    return checkpoints.public_key_text(_load_key().public_key()) if _key_file().is_file() else None


def sign_present(now: datetime, *, day: date | None = None, occasion: str = "") -> SignedBody:
    """Read the log as committed and sign its state for ``day`` (default: today). Outside any transaction: a long log
    takes half a second, and entries that could still be rolled back have no place in a checkpoint. The results and states are
    read in the same moment of the database."""
    if in_write_transaction():
        raise RuntimeError("a checkpoint of entries that are not committed")
    day = day or clock.local_date(now)
    key = signing_key()
    db.session.rollback()  # a read that began earlier would sign an older state
    tree, head = MerkleFrontier(), GENESIS
    hashes = select(m.AuditEntry.hash).order_by(m.AuditEntry.seq).execution_options(yield_per=5000)
    try:
        for head in db.session.scalars(hashes):
            tree.append(head)
    except ValueError as problem:
        raise IntegrityFault("Nhật ký có mã băm hỏng, không chụp được. Chạy: flask audit verify") from problem
    n_entries, root = tree.n_leaves, tree.root()
    export = state_export.export()
    db.session.rollback()
    body = checkpoints.body_text(
        day,
        n_entries,
        head,
        root,
        now,
        checkpoints.public_key_text(key.public_key()),
        data=(export.n_lines, export.root, export.digest),
        occasion=occasion,
    )
    signature = checkpoints.signature_of(body, key)
    return SignedBody(day, n_entries, head, root, now, body, signature, occasion, export)


def keep(actor: Actor, signed: SignedBody, now: datetime) -> m.AuditSnapshot:
    """Record a signed checkpoint: its file, its row and its entry."""
    with write_transaction() as session:
        snapshot = m.AuditSnapshot(
            day=signed.day,
            n_entries=signed.n_entries,
            head_hash=signed.head_hash,
            root=signed.root,
            taken_at=signed.taken_at,
            taken_late=signed.day < clock.local_date(signed.taken_at),
            occasion=signed.occasion or None,
            n_lines=signed.export.n_lines if signed.export else None,
            data_root=signed.export.root if signed.export else None,
            data_digest=signed.export.digest if signed.export else None,
            body=signed.body,
            signature=signed.signature,
        )
        # The file first: should the row not come to be, the file still says nothing but the truth.
        path = _settings().checkpoints / f"{signed.day.isoformat()}-{signed.n_entries:09d}.txt"
        _write_file(path, checkpoints.file_text(signed.body, signed.signature).encode())
        if signed.export is not None:
            _write_file(_export_file(signed.export.digest), signed.export.packed)
        session.add(snapshot)
        session.flush()
        audit.record(
            AuditTag.SNAPSHOT_TAKEN,
            actor,
            now,
            target_kind="audit_snapshot",
            target_id=snapshot.id,
            facts={
                "day": signed.day.isoformat(),
                "n_entries": signed.n_entries,
                "root": signed.root,
                "late": snapshot.taken_late,
                **({"occasion": signed.occasion} if signed.occasion else {}),
                **({"n_lines": signed.export.n_lines, "data_root": signed.export.root} if signed.export else {}),
            },
        )
    return snapshot


def take(actor: Actor, now: datetime, *, day: date | None = None, occasion: str = "") -> m.AuditSnapshot:
    """Take and sign a snapshot for ``day`` (default: today); late ones say so and carry their true time."""
    taken = keep(actor, sign_present(now, day=day, occasion=occasion), now)
    copy_elsewhere()
    return taken


def deadline_on(day: date) -> str:
    """The deadlines that have passed when this day begins, in words; "" on other days.

    "Before 20/5" means the last good day is the 19th: the state that counts is the one in which the 20th begins.
    """
    years = db.session.scalars(select(m.SchoolYear).execution_options(populate_existing=True)).all()
    words = [
        said
        for year in years
        for limit, said in (
            (year.data_complete_before, f"hết hạn nhập dữ liệu {year.label}"),
            (year.sign_grade9_before, f"hết hạn ký khối 9 {year.label}"),
            (year.sign_others_before, f"hết hạn ký các khối khác {year.label}"),
            (year.summer_freeze_on + timedelta(days=1), f"hết hạn kết quả hè {year.label}"),
        )
        if limit == day
    ]
    return "; ".join(words)[:120]


def _export_file(digest: str) -> Path:
    return _settings().checkpoints / f"{digest}.jsonl.gz"


def forget_exports() -> int:
    """Remove the exports of nightly snapshots but for the last ones; returns how many. What a deadline's snapshot names stays.

    Which those are is read from what was signed; while any row says something else, nothing is removed.
    """
    rows = [(row, read) for row, read in _rows_with_bodies() if row.data_digest is not None or read.data is not None]
    if not all(_says_what_was_signed(row, read) for row, read in rows):
        return 0
    named = [(read.data[2], read.occasion) for _row, read in rows if read.data is not None]
    kept = {digest for at, (digest, occasion) in enumerate(named) if occasion or at < KEEP_NIGHTLY}
    n_removed = 0
    for digest in {digest for digest, _occasion in named} - kept:
        path = _export_file(digest)
        if path.is_file():
            path.unlink()
            n_removed += 1
    return n_removed


def export_faults() -> list[str]:
    """Exports that are not what their snapshot signed, and those missing that should be here, in words.

    A row whose signature is broken is told by :func:`all_checkpoints`.
    """
    rows = [(row, read) for row, read in _rows_with_bodies() if read.signature_ok and read.data is not None]
    found = []
    for at, (row, read) in enumerate(rows):
        assert read.data is not None
        n_lines, root, digest = read.data
        what = f"Bản trích kết quả của ảnh chụp số {row.id} ngày {read.day:%d/%m/%Y}"
        try:
            packed = _export_file(digest).read_bytes()
        except OSError:
            if read.occasion or at == 0:
                found.append(f"{what} đã mất.")
            continue
        if hashlib.sha256(packed).hexdigest() != digest:
            found.append(f"{what} đã bị sửa.")
        elif at == 0 and state_export.root_of(packed) != (n_lines, root):
            found.append(f"{what} không có mã băm đã ký.")
    return found


def read_export(digest: str) -> bytes | None:
    """A packed export that is kept here; None when it is not. IntegrityFault when it is not the one that was signed."""
    try:
        packed = _export_file(digest).read_bytes()
    except OSError:
        return None
    if hashlib.sha256(packed).hexdigest() != digest:
        raise IntegrityFault(
            f"Bản trích {digest[:12]}… đã bị sửa ngoài phần mềm nên không so sánh được. Xin chạy: flask audit verify"
        )
    return packed


def copy_elsewhere() -> str:
    """Bring what is not yet there to the configured second place; says what became of it, "" where none is configured.

    What is there is never written again: a copy that differs is evidence. A place that is away today is caught up with later.
    """
    place = _settings().checkpoint_copy
    if place is None:
        return ""
    n_copied = 0
    try:
        if not place.is_dir():
            return f"chưa chép được sang {place}: không có thư mục này"
        for path in sorted(_settings().checkpoints.glob("*")):
            target = place / path.name
            if path.suffix in (".txt", ".gz") and not target.exists():
                _write_file(target, path.read_bytes())
                n_copied += 1
    except OSError as problem:
        return f"chưa chép được sang {place}: {problem.strerror or problem}"
    return f"đã chép {n_copied} tệp sang {place}"


def last() -> m.AuditSnapshot | None:
    """The newest snapshot."""
    return db.session.scalar(
        select(m.AuditSnapshot).order_by(m.AuditSnapshot.id.desc()).limit(1).execution_options(populate_existing=True)
    )


def printed_line(snapshot: m.AuditSnapshot) -> str:
    """The snapshot in one line of a day's paper: enough to hold the log against, short enough to compare by eye.

    Who holds the paper finds the same root in the file of that day, or the log no longer begins as it did.
    """
    parts = [snapshot.root[at : at + 8] for at in range(0, 64, 8)]
    return f"Nhật ký {snapshot.day:%d/%m/%Y}: {snapshot.n_entries} dòng, gốc {' '.join(parts)}"


def paper_line() -> str:
    """:func:`printed_line` of the newest snapshot, "" before the first."""
    newest = last()
    return printed_line(newest) if newest is not None else ""


def _write_file(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".tmp-", dir=path.parent)
    with os.fdopen(handle, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    Path(temporary).replace(path)


def read_file(path: Path, key: str | None = None) -> Checkpoint:
    """A checkpoint that somebody kept elsewhere, judged by ``key`` or, without one, by this machine's.

    IntegrityFault when it is none.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise IntegrityFault(f"Không đọc được ảnh chụp nhật ký {path.name}.") from problem
    return checkpoints.parse(text, path.name, key or public_key())


def all_checkpoints() -> list[Checkpoint]:
    """Those of the table and those of the folder, oldest first. What can't be read counts as a bad signature."""
    key = public_key()
    found = [
        read if _says_what_was_signed(row, read) else _unreadable(read.source)
        for row, read in reversed(_rows_with_bodies())
    ]
    for path in sorted(_settings().checkpoints.glob("*.txt")):
        found.append(_read_or_not(path, path.name, key))
    elsewhere = _settings().checkpoint_copy
    if elsewhere is not None and elsewhere.is_dir():
        found += [_read_or_not(path, f"bản chép {path}", key) for path in sorted(elsewhere.glob("*.txt"))]
    return found


def signed_lines() -> list[tuple[int, Checkpoint]]:
    """Number and signed body of each snapshot, the newest first; ``signature_ok`` is false where the body is not the signed one."""
    return [(row.id, read) for row, read in _rows_with_bodies()]


def _rows_with_bodies() -> list[tuple[m.AuditSnapshot, Checkpoint]]:
    key = public_key()
    rows = db.session.scalars(
        select(m.AuditSnapshot).order_by(m.AuditSnapshot.id.desc()).execution_options(populate_existing=True)
    )
    return [
        (row, _parse(checkpoints.file_text(row.body, row.signature), f"bảng audit_snapshot, số {row.id}", key))
        for row in rows
    ]


def _says_what_was_signed(row: m.AuditSnapshot, read: Checkpoint) -> bool:
    """Whether every column of the row is what its signed body says."""
    if not read.signature_ok:
        return False
    taken = datetime.fromisoformat(read.taken_at)
    return (
        row.day,
        row.n_entries,
        row.head_hash,
        row.root,
        row.taken_at.replace(microsecond=0),  # the body has whole seconds
        row.taken_late,
        row.occasion or "",
        row.n_lines,
        row.data_root,
        row.data_digest,
    ) == (
        read.day,
        read.n_entries,
        read.head_hash,
        read.root,
        taken,
        read.day < clock.local_date(taken),
        read.occasion,
        *((read.data[0], read.data[1], read.data[2]) if read.data else (None, None, None)),
    )


def _read_or_not(path: Path, source: str, key: str | None) -> Checkpoint:
    try:
        return _parse(path.read_text(encoding="utf-8"), source, key)
    except (OSError, UnicodeDecodeError):
        return _unreadable(source)


def _parse(text: str, source: str, key: str | None) -> Checkpoint:
    try:
        return checkpoints.parse(text, source, key)
    except IntegrityFault:
        return _unreadable(source)


def _unreadable(source: str) -> Checkpoint:
    return Checkpoint(date.min, 0, GENESIS, "", "", "", source, signature_ok=False)


def between(low: int, high: int) -> list[m.AuditEntry]:
    """The entries after ``low`` up to ``high``, by number."""
    return list(
        db.session.scalars(
            select(m.AuditEntry).where(m.AuditEntry.seq > low, m.AuditEntry.seq <= high).order_by(m.AuditEntry.seq)
        )
    )
