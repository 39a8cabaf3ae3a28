"""Signed checkpoints of the audit log, one a day; the text form is ``documents/checkpoints.py``.

A copy lies in ``checkpoints/`` of the instance as a file, to be carried elsewhere (a stick, the department's mailbox,
a printed line on the day's register): what is signed elsewhere can't be rewritten here.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from datetime import date, datetime
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
from hocbaso.services import audit
from hocbaso.services.access import Actor


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


def sign_present(now: datetime, *, day: date | None = None) -> SignedBody:
    """Read the log as committed and sign its state for ``day`` (default: today). Outside any transaction: a long log
    takes half a second, and entries that could still be rolled back have no place in a checkpoint."""
    if in_write_transaction():
        raise RuntimeError("a checkpoint of entries that are not committed")
    day = day or clock.local_date(now)
    key = signing_key()
    tree, head = MerkleFrontier(), GENESIS
    hashes = select(m.AuditEntry.hash).order_by(m.AuditEntry.seq).execution_options(yield_per=5000)
    try:
        for head in db.session.scalars(hashes):
            tree.append(head)
    except ValueError as problem:
        raise IntegrityFault("Nhật ký có mã băm hỏng, không chụp được. Chạy: flask audit verify") from problem
    n_entries, root = tree.n_leaves, tree.root()
    body = checkpoints.body_text(day, n_entries, head, root, now, checkpoints.public_key_text(key.public_key()))
    return SignedBody(day, n_entries, head, root, now, body, checkpoints.signature_of(body, key))


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
            body=signed.body,
            signature=signed.signature,
        )
        # The file first: should the row not come to be, the file still says nothing but the truth.
        path = _settings().checkpoints / f"{signed.day.isoformat()}-{signed.n_entries:09d}.txt"
        _write_file(path, checkpoints.file_text(signed.body, signed.signature))
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
            },
        )
    return snapshot


def take(actor: Actor, now: datetime, *, day: date | None = None) -> m.AuditSnapshot:
    """Take and sign a snapshot for ``day`` (default: today); late ones say so and carry their true time."""
    return keep(actor, sign_present(now, day=day), now)


def _write_file(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".tmp-", dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text)
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
    texts = [
        (f"bảng audit_snapshot, số {row.id}", checkpoints.file_text(row.body, row.signature), row)
        for row in db.session.scalars(
            select(m.AuditSnapshot).order_by(m.AuditSnapshot.id).execution_options(populate_existing=True)
        )
    ]
    found = []
    for source, text, row in texts:
        read = _parse(text, source, key)
        if (row.day, row.n_entries, row.head_hash, row.root) != (read.day, read.n_entries, read.head_hash, read.root):
            read = _unreadable(source)  # the columns say something else than the signed body
        found.append(read)
    for path in sorted(_settings().checkpoints.glob("*.txt")):
        try:
            found.append(_parse(path.read_text(encoding="utf-8"), path.name, key))
        except (OSError, UnicodeDecodeError):
            found.append(_unreadable(path.name))
    return found


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
