"""Signed checkpoints of the audit log, one a day: body as C2SP tlog-checkpoint, Ed25519 signature beside it.

A copy lies in ``checkpoints/`` of the instance as a file, to be carried elsewhere (a stick, the department's mailbox,
a printed line on the day's register): what is signed elsewhere can't be rewritten here.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from flask import current_app
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.config import Config
from hocbaso.db import db, write_transaction
from hocbaso.errors import IntegrityFault, NotFound
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.hash_chain import GENESIS, merkle_root
from hocbaso.services import audit
from hocbaso.services.access import Actor

ORIGIN = "hocbaso/nhat-ky/v1"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint as stored in the table or in a file (``source``), with its signature judged."""

    day: date
    n_entries: int
    head_hash: str
    root: str
    taken_at: str
    source: str
    signature_ok: bool


def _settings() -> Config:
    settings: Config = current_app.config["HOCBASO"]
    return settings


def signing_key() -> Ed25519PrivateKey:
    """The machine's snapshot key, made on first use (0600). Its public half stands in every body."""
    path = _settings().keys / "snapshot-ed25519.pem"
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        data = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                 serialization.NoEncryption())
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(data)
    loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(loaded, Ed25519PrivateKey)
    return loaded


def public_key_text(key: Ed25519PublicKey) -> str:
    """Base64 of the raw public key."""
    return base64.b64encode(key.public_bytes_raw()).decode()


def _body(day: date, n_entries: int, head_hash: str, root: str, taken_at: datetime, key: str) -> str:
    lines = (ORIGIN, str(n_entries), base64.b64encode(bytes.fromhex(root)).decode(), f"head {head_hash}",
             f"day {day.isoformat()}", f"taken {taken_at.isoformat(timespec='seconds')}", f"key {key}", "")
    return "\n".join(lines)


def take(actor: Actor, now: datetime, *, day: date | None = None) -> m.AuditSnapshot:
    """Take and sign a snapshot for ``day`` (default: today); late ones say so and carry their true time."""
    day = day or clock.local_date(now)
    key = signing_key()
    with write_transaction() as session:
        hashes = list(session.scalars(select(m.AuditEntry.hash).order_by(m.AuditEntry.seq)))
        head = hashes[-1] if hashes else GENESIS
        root = merkle_root(hashes)
        body = _body(day, len(hashes), head, root, now, public_key_text(key.public_key()))
        signature = base64.b64encode(key.sign(body.encode())).decode()
        snapshot = m.AuditSnapshot(day=day, n_entries=len(hashes), head_hash=head, root=root, taken_at=now,
                                   taken_late=day < clock.local_date(now), body=body, signature=signature)
        path = _settings().checkpoints / f"{day.isoformat()}-{len(hashes):09d}.txt"
        _write_file(path, f"{body}\n— {ORIGIN} {signature}\n")
        session.add(snapshot)
        session.flush()
        audit.record(AuditTag.SNAPSHOT_TAKEN, actor, now, target_kind="audit_snapshot", target_id=snapshot.id,
                     facts={"day": day.isoformat(), "n_entries": len(hashes), "root": root,
                            "late": snapshot.taken_late})
    return snapshot


def _write_file(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)


def parse(text: str, source: str, trusted_key: str) -> Checkpoint:
    """Read a checkpoint file or ``body`` + signature line. IntegrityFault when it has not the shape."""
    try:
        body, _, tail = text.partition("\n\n— ")
        body += "\n"
        lines = body.split("\n")
        signature = base64.b64decode(tail.split(" ", 1)[1].strip(), validate=True)
        facts = dict(line.split(" ", 1) for line in lines[3:] if line)
        n_entries, root = int(lines[1]), base64.b64decode(lines[2], validate=True).hex()
        day = date.fromisoformat(facts["day"])
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(trusted_key))
    except (ValueError, KeyError, IndexError) as problem:
        raise IntegrityFault(f"Không đọc được ảnh chụp nhật ký {source}.") from problem
    try:
        key.verify(signature, body.encode())
        signature_ok = lines[0] == ORIGIN
    except InvalidSignature:
        signature_ok = False
    return Checkpoint(day, n_entries, facts["head"], root, facts["taken"], source, signature_ok)


def all_checkpoints() -> list[Checkpoint]:
    """Those of the table and those of the folder, oldest first. A file that can't be read counts as a bad signature."""
    key = public_key_text(signing_key().public_key())
    found = [
        parse(f"{row.body}\n— {ORIGIN} {row.signature}\n", f"bảng, số {row.id}", key)
        for row in db.session.scalars(select(m.AuditSnapshot).order_by(m.AuditSnapshot.id))
    ]
    for path in sorted(_settings().checkpoints.glob("*.txt")):
        try:
            found.append(parse(path.read_text(encoding="utf-8"), path.name, key))
        except (IntegrityFault, UnicodeDecodeError):
            found.append(Checkpoint(date.min, 0, GENESIS, "", "", path.name, signature_ok=False))
    return found


def difference(first: int, second: int) -> list[m.AuditEntry]:
    """The entries between two snapshots (ids, either order). NotFound for an unknown one."""
    rows = [db.session.get(m.AuditSnapshot, number) for number in (first, second)]
    if rows[0] is None or rows[1] is None:
        raise NotFound("Không có ảnh chụp mang số này.")
    low, high = sorted(row.n_entries for row in rows if row is not None)
    return list(db.session.scalars(
        select(m.AuditEntry).where(m.AuditEntry.seq > low, m.AuditEntry.seq <= high).order_by(m.AuditEntry.seq)
    ))
