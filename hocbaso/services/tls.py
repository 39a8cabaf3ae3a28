"""HTTPS of this machine: its own authority and server certificate under ``tls/`` in the instance.

``ca.pem`` with ``ca-key.pem`` is the authority that tablets trust, ``cert.pem`` with ``key.pem`` what the server shows.
A school with a certificate from elsewhere puts ``cert.pem`` and ``key.pem`` there itself; then there is no ``ca.pem``, and
nothing here touches its files. Why the authority's key lies unsealed: docs/decisions/0008.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from flask import current_app
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.config import Config
from hocbaso.db import db, write_transaction
from hocbaso.documents import lan_authority
from hocbaso.documents.lan_authority import LanNames, fingerprint
from hocbaso.errors import Invalid, Unavailable, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit, lan_addresses
from hocbaso.services.access import Actor

RENEW_BEFORE = timedelta(days=30)
"""A leaf with less than this left is renewed: every tablet notices an expired one at once, and nobody has to act before."""


@dataclass(frozen=True, slots=True)
class Held:
    """What lies in ``tls/``. ``authority`` is None for a certificate from elsewhere; ``pair_fault`` says why the server cannot use it."""

    leaf: x509.Certificate | None
    authority: x509.Certificate | None
    pair_fault: str | None = None

    @property
    def is_usable(self) -> bool:
        """Certificate and key are there and belong together (expired or not)."""
        return self.leaf is not None and self.pair_fault is None

    @property
    def is_ours(self) -> bool:
        """The leaf comes from the authority beside it."""
        return (
            self.leaf is not None and self.authority is not None and lan_authority.issued_by(self.leaf, self.authority)
        )


@dataclass(frozen=True, slots=True)
class Issued:
    """What an act of this module made: digests as 64 hexadecimal digits, names as text."""

    names: tuple[str, ...]
    root_fingerprint: str
    leaf_fingerprint: str
    leaf_ends_at: datetime
    root_ends_at: datetime
    new_authority: bool


def _settings() -> Config:
    settings: Config = current_app.config["HOCBASO"]
    return settings


def held(settings: Config) -> Held:
    """Read ``tls/``. Never raises: an unreadable file is a fault in words."""
    folder = settings.tls
    authority = leaf = None
    with contextlib.suppress(OSError, ValueError):
        authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    if not (folder / "cert.pem").exists() and not (folder / "key.pem").exists():
        return Held(None, authority)
    try:
        leaf = x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())
    except (OSError, ValueError):
        return Held(None, authority, "Không đọc được chứng thư HTTPS tls/cert.pem.")
    try:
        key = load_pem_private_key((folder / "key.pem").read_bytes(), None)
    except (OSError, ValueError, TypeError):
        return Held(leaf, authority, "Không đọc được khoá HTTPS tls/key.pem.")
    if key.public_key() != leaf.public_key():
        return Held(leaf, authority, "Khoá tls/key.pem không phải của chứng thư tls/cert.pem.")
    return Held(leaf, authority)


def is_used() -> bool:
    """Whether there is an HTTPS certificate at all, sound or not."""
    there = held(_settings())
    return there.leaf is not None or there.pair_fault is not None


def guess_names() -> tuple[str, ...]:
    """The machine's addresses in the network: what an authority is made for when nobody named anything."""
    return lan_addresses.of_this_machine()


# --- acts -------------------------------------------------------------------------------------------------------------


def init(actor: Actor, given: tuple[str, ...], now: datetime, *, new_authority: bool = False) -> Issued:
    """Make authority and leaf, or renew the leaf under the authority that is there. One audit entry for each made.

    ``given``: names and addresses as typed; empty: those of the authority, or the machine's own addresses for a new one.
    Invalid for names that cannot be; WrongState where a certificate from elsewhere lies, and for names that the
    present authority does not cover: it is replaced only with ``new_authority``, because every tablet has to be
    taught again.
    """
    settings = _settings()
    there = held(settings)
    if there.authority is None and (there.leaf is not None or there.pair_fault):
        raise WrongState(
            "tls/cert.pem do nơi khác cấp, phần mềm không đụng vào. Muốn dùng chứng thư của máy này, "
            "hãy dời cert.pem và key.pem ra khỏi tls/ rồi chạy lại."
        )
    if there.authority is None or new_authority:
        return _found(actor, LanNames.parse(given or guess_names()), there, now)
    covered = lan_authority.names_of_authority(there.authority)
    names = LanNames.parse(given) if given else covered
    if not covered.covers(names):
        raise WrongState(
            f"Chứng thư gốc hiện có chỉ dùng cho {', '.join(covered.words)}. Đổi tên hoặc địa chỉ cần gốc mới, và mọi "
            "máy tính bảng phải cài lại: thêm --new-ca."
        )
    if there.authority.not_valid_after_utc <= now:
        raise WrongState("Chứng thư gốc đã hết hạn. Tạo gốc mới bằng --new-ca rồi cài lại trên các máy tính bảng.")
    return _renew(actor, there.authority, names, now)


def renew_if_due(actor: Actor, now: datetime) -> Issued | None:
    """Renew a leaf of our own authority that ends within thirty days; None when there is nothing to do.

    A leaf that stands on the disk but not in the log (the machine stopped between the two) is written down now.
    """
    there = held(_settings())
    if not there.is_ours or there.leaf is None or there.authority is None:
        return None
    names = lan_authority.names_of_leaf(there.leaf)
    if there.leaf.not_valid_after_utc - now > RENEW_BEFORE:
        if not _is_logged(there.leaf):
            with write_transaction():
                _log_leaf(actor, there.leaf, there.authority, now)
        return None
    if there.authority.not_valid_after_utc - now <= timedelta(days=1):
        raise Unavailable("Chứng thư gốc sắp hết hạn nên không gia hạn được. Chạy: flask tls init --new-ca")
    if there.leaf.not_valid_after_utc == there.authority.not_valid_after_utc:
        return None  # it ends with its authority: another one would end no later
    return _renew(actor, there.authority, names, now)


def _renew(actor: Actor, authority: x509.Certificate, names: LanNames, now: datetime) -> Issued:
    # The key stays: one file is replaced in one step, so that a server starting at this moment never finds a
    # certificate beside a key of another.
    folder = _settings().tls
    authority_key = _own_key(folder / "ca-key.pem")
    key = _own_key(folder / "key.pem")
    leaf = lan_authority.issue_leaf(authority, authority_key, key, names, now)
    with write_transaction():
        _write(folder / "cert.pem", _pem(leaf))
        _log_leaf(actor, leaf, authority, now)
    return _issued(leaf, authority, new_authority=False)


def _found(actor: Actor, names: LanNames, there: Held, now: datetime) -> Issued:
    settings = _settings()
    school = db.session.get(m.School, 1)
    authority_key, key = lan_authority.new_key(), lan_authority.new_key()
    authority = lan_authority.create_authority(authority_key, names, school.name if school else "", now)
    leaf = lan_authority.issue_leaf(authority, authority_key, key, names, now)
    with write_transaction():
        with _folder_in_one_step(settings.tls) as folder:
            _write(folder / "ca-key.pem", _pem(authority_key))
            _write(folder / "ca.pem", _pem(authority))
            _write(folder / "key.pem", _pem(key))
            _write(folder / "cert.pem", _pem(leaf))
        audit.record(
            AuditTag.TLS_AUTHORITY_CREATED,
            actor,
            now,
            target_kind="tls_authority",
            target_id=fingerprint(authority)[:32],
            before={"fingerprint": fingerprint(there.authority)} if there.authority else None,
            facts={
                "fingerprint": fingerprint(authority),
                "names": list(names.words),
                "ends_at": audit.plain(authority.not_valid_after_utc),
            },
        )
        _log_leaf(actor, leaf, authority, now)
    return _issued(leaf, authority, new_authority=True)


def note_plain_mode(actor: Actor, host: str, now: datetime) -> None:
    """Write down that the school is served over the network without encryption. Nothing to write while it is in set-up."""
    if db.session.scalar(select(m.Account.id).limit(1)) is None:
        return
    with write_transaction():
        audit.record(
            AuditTag.TLS_WAIVED, actor, now, target_kind="machine", target_id="tls", facts={"listening_on": host}
        )


# --- the log ----------------------------------------------------------------------------------------------------------


def _log_leaf(actor: Actor, leaf: x509.Certificate, authority: x509.Certificate, now: datetime) -> None:
    audit.record(
        AuditTag.TLS_CERTIFICATE_ISSUED,
        actor,
        now,
        target_kind="tls_certificate",
        target_id=fingerprint(leaf)[:32],
        facts={
            "fingerprint": fingerprint(leaf),
            "authority": fingerprint(authority),
            "names": list(lan_authority.names_of_leaf(leaf).words),
            "ends_at": audit.plain(leaf.not_valid_after_utc),
        },
    )


def _is_logged(leaf: x509.Certificate) -> bool:
    entry = select(m.AuditEntry.seq).where(
        m.AuditEntry.tag == AuditTag.TLS_CERTIFICATE_ISSUED.value, m.AuditEntry.target_id == fingerprint(leaf)[:32]
    )
    return db.session.scalar(entry.limit(1)) is not None


def _issued(leaf: x509.Certificate, authority: x509.Certificate, *, new_authority: bool) -> Issued:
    return Issued(
        lan_authority.names_of_leaf(leaf).words,
        fingerprint(authority),
        fingerprint(leaf),
        leaf.not_valid_after_utc,
        authority.not_valid_after_utc,
        new_authority,
    )


# --- files ------------------------------------------------------------------------------------------------------------


def _pem(thing: x509.Certificate | ec.EllipticCurvePrivateKey) -> bytes:
    if isinstance(thing, x509.Certificate):
        return thing.public_bytes(serialization.Encoding.PEM)
    return thing.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _own_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as problem:
        raise Unavailable(f"Không đọc được tls/{path.name}. Tạo lại tất cả bằng: flask tls init --new-ca") from problem
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Invalid(f"tls/{path.name} không phải khoá do phần mềm tạo.")
    return key


def _write(path: Path, content: bytes) -> None:
    """Replace one file in one step, readable by this user alone from its first byte on."""
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(beside, path)


@contextlib.contextmanager
def _folder_in_one_step(folder: Path) -> Iterator[Path]:
    """A fresh folder that takes the place of ``folder`` when the block ends well. The old one goes, keys and all.

    An authority whose key is gone can no longer be misused on the tablets that still trust it.
    """
    fresh, old = folder.with_name("tls.new"), folder.with_name("tls.old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir(mode=0o700, parents=True)
    yield fresh
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
