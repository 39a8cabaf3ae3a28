"""Certificates of signers and of the school's seal, and the roots this school trusts.

A certificate is bound to a person (or to the school, for the seal) when it is registered; at signing it is looked up from the
person, never chosen from a list, so that nobody signs with another's. A private key lies here only as an envelope that needs
both the owner's PIN and a secret outside the database (``documents.signers``).
"""

from __future__ import annotations

import itertools
import os
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID
from sqlalchemy import select, update

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents import signers
from hocbaso.errors import IntegrityFault, Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.services import audit, document_pool
from hocbaso.services.access import Actor

MAX_WRONG_PINS = 5
"""So many wrong PINs in a row close a key until its owner registers it again."""

WARN_DAYS = (7, 30, 90)
"""Days before expiry at which a certificate is shown as ending soon."""


@dataclass(frozen=True, slots=True)
class CertificateView:
    """A registered certificate for a page or a list; never holds a key."""

    id: int
    purpose: str
    owner: str
    subject_name: str
    issuer_name: str
    serial_number: str
    fingerprint: str
    not_before: datetime
    not_after: datetime
    is_test: bool
    registered_at: datetime
    retired_at: datetime | None
    state: str
    """``good``, ``ending`` (within 90 days), ``expired``, ``early``, ``retired``, ``closed`` (wrong PINs), ``untrusted``."""
    days_left: int

    @property
    def serial_words(self) -> str:
        """The serial number in groups of four from the left, at most two groups: how people compare it."""
        return " ".join(self.serial_number[i : i + 4] for i in range(0, min(8, len(self.serial_number)), 4))


@dataclass(frozen=True, slots=True)
class RootView:
    """A trusted root."""

    id: int
    subject_name: str
    fingerprint: str
    is_test: bool
    added_at: datetime
    not_after: datetime
    pem: str

    @property
    def fingerprint_words(self) -> str:
        """The fingerprint in groups of four, to be read out over the telephone."""
        upper = self.fingerprint.upper()
        return " ".join(upper[i : i + 4] for i in range(0, len(upper), 4))


@dataclass(frozen=True, slots=True)
class OpenKey:
    """A key whose PIN was right: what a worker needs, beside the PIN, to open it for one batch."""

    certificate_id: int
    owner_name: str
    fingerprint: str
    envelope: signers.KeyEnvelope
    chain: tuple[bytes, ...]
    is_test: bool


# --- the secret that is not in the database -----------------------------------------------------------------------------


def server_secret() -> bytes:
    """32 bytes in ``keys/signing_secret`` (0600), made on first use. Without it no envelope opens: it belongs in each backup."""
    path: Path = document_pool.config().keys / "signing_secret"
    if not path.exists():
        scratch = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(secrets.token_bytes(32))
            handle.flush()
            os.fsync(handle.fileno())
        try:
            os.link(scratch, path)  # fails when another process was first: then its secret is the one
        except FileExistsError:
            pass
        finally:
            scratch.unlink()
    found = path.read_bytes()
    if len(found) != 32:
        raise WrongState("Tệp bí mật bảo vệ khoá ký của máy chủ bị hỏng. Hãy khôi phục từ bản sao lưu.")
    return found


def owner_key(person_id: int | None) -> str:
    """Whom an envelope belongs to; bound into it, so that it opens for nobody else."""
    return "seal" if person_id is None else f"person:{person_id}"


# --- trust --------------------------------------------------------------------------------------------------------------


def trusted_roots() -> list[bytes]:
    """DER of every root trusted now. IntegrityFault when one is not the certificate that was trusted."""
    found = []
    for row in _root_rows():
        der = x509.load_pem_x509_certificate(row.certificate_pem.encode()).public_bytes(serialization.Encoding.DER)
        if signers.certificate_fingerprint(der) != row.fingerprint:
            raise IntegrityFault(f"Chứng thư gốc {row.subject_name} trong cơ sở dữ liệu đã bị thay ngoài phần mềm.")
        found.append(der)
    return found


def trusted_crls() -> list[bytes]:
    """DER of the revocation lists that came with the trusted roots."""
    found = []
    for row in _root_rows():
        for block in (row.crl_pem or "").split("-----END X509 CRL-----")[:-1]:
            pem = block.strip() + "\n-----END X509 CRL-----\n"
            found.append(x509.load_pem_x509_crl(pem.encode()).public_bytes(serialization.Encoding.DER))
    return found


def _root_rows() -> list[m.TrustRoot]:
    return list(
        db.session.scalars(select(m.TrustRoot).where(m.TrustRoot.removed_at.is_(None)).order_by(m.TrustRoot.id))
    )


def list_roots() -> list[RootView]:
    """The roots trusted now, oldest first."""
    return [
        RootView(
            row.id,
            row.subject_name,
            row.fingerprint,
            row.is_test,
            row.added_at,
            x509.load_pem_x509_certificate(row.certificate_pem.encode()).not_valid_after_utc,
            row.certificate_pem,
        )
        for row in _root_rows()
    ]


def read_root(pem: bytes, now: datetime) -> x509.Certificate:
    """A root certificate from PEM (or DER) bytes. Invalid unless it is one self-signed authority, valid now."""
    try:
        root = x509.load_pem_x509_certificate(pem) if b"-----BEGIN" in pem else x509.load_der_x509_certificate(pem)
    except ValueError as error:
        raise Invalid("Tệp không phải chứng thư số (PEM).", field="root") from error
    try:
        root.verify_directly_issued_by(root)
        authority = root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        authority = False
    if not authority:
        raise Invalid("Đây không phải chứng thư gốc: nó không tự ký hoặc không phải của nơi cấp.", field="root")
    if not root.not_valid_before_utc <= now <= root.not_valid_after_utc:
        raise Invalid("Chứng thư gốc không còn hoặc chưa có hiệu lực.", field="root")
    return root


def add_trust_root(
    actor: Actor, pem: bytes, now: datetime, *, is_test: bool = False, crls: Iterable[bytes] = ()
) -> RootView:
    """Trust a root (IT officer). ``crls``: DER revocation lists to keep with it. Trusting it again changes nothing.

    Raises NotAllowed, Invalid.
    """
    actor.require(Permission.CERTIFICATE_MANAGE)
    root = read_root(pem, now)
    der = root.public_bytes(serialization.Encoding.DER)
    fingerprint = signers.certificate_fingerprint(der)
    crl_pem = (
        "".join(x509.load_der_x509_crl(crl).public_bytes(serialization.Encoding.PEM).decode() for crl in crls) or None
    )
    with write_transaction() as session:
        row = session.scalar(select(m.TrustRoot).where(m.TrustRoot.fingerprint == fingerprint))
        if row is None:
            row = m.TrustRoot(
                subject_name=_words_of(root.subject)[:300],
                fingerprint=fingerprint,
                certificate_pem=root.public_bytes(serialization.Encoding.PEM).decode(),
                crl_pem=crl_pem,
                is_test=is_test,
                added_at=now,
            )
            session.add(row)
        elif row.removed_at is None and crl_pem in (None, row.crl_pem):
            return next(view for view in list_roots() if view.fingerprint == fingerprint)
        row.removed_at = None
        row.crl_pem = crl_pem or row.crl_pem
        session.flush()
        audit.record(
            AuditTag.TRUST_ROOT_ADDED,
            actor,
            now,
            target_kind="trust_root",
            target_id=row.id,
            state=audit.states("trust_root", [row]),
            facts={"subject": row.subject_name},
        )
    return next(view for view in list_roots() if view.fingerprint == fingerprint)


def remove_trust_root(actor: Actor, root_id: int, now: datetime) -> None:
    """Trust a root no longer. What was signed under it then verifies as of an unknown signer."""
    actor.require(Permission.CERTIFICATE_MANAGE)
    with write_transaction() as session:
        row = session.get(m.TrustRoot, root_id, populate_existing=True)
        if row is None or row.removed_at is not None:
            raise NotFound("Không có chứng thư gốc này.")
        row.removed_at = now
        session.flush()
        audit.record(
            AuditTag.TRUST_ROOT_REMOVED,
            actor,
            now,
            target_kind="trust_root",
            target_id=row.id,
            state=audit.states("trust_root", [row]),
            facts={"subject": row.subject_name},
        )


def chain_is_trusted(chain: Iterable[bytes], now: datetime) -> bool:
    """Whether a DER chain, leaf first, ends at a trusted root and every certificate in it is valid at ``now``."""
    certificates = [x509.load_der_x509_certificate(der) for der in chain]
    roots = [x509.load_der_x509_certificate(der) for der in trusted_roots()]
    for certificate, issuer in itertools.pairwise(certificates):
        if not _issued(certificate, issuer, now):
            return False
    return any(_issued(certificates[-1], root, now) for root in roots)


def _issued(certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
        authority = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return authority and all(
        each.not_valid_before_utc <= now <= each.not_valid_after_utc for each in (certificate, issuer)
    )


# --- registering --------------------------------------------------------------------------------------------------------


def _words_of(name: x509.Name) -> str:
    """A distinguished name for people: common name, then organisation."""
    parts = [
        str(attribute.value)
        for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
        for attribute in name.get_attributes_for_oid(oid)
    ]
    return ", ".join(dict.fromkeys(parts)) or name.rfc4514_string()


def owner_of(person: m.Person | None) -> str:
    """The name a certificate must carry: the person's, or for the seal (None) the school's."""
    if person is not None:
        return person.full_name
    school = db.session.get(m.School, 1)
    if school is None:
        raise WrongState("Trường chưa được khai báo.")
    return school.name


def _same_name(left: str, right: str) -> bool:
    def plain(text: str) -> str:
        return " ".join(unicodedata.normalize("NFC", text).casefold().split())

    return plain(left) == plain(right)


def require_owner(leaf: bytes, person: m.Person | None) -> None:
    """Refuse a certificate that names somebody else (Invalid).

    A person's common name must be the full name and a personal identity number, where the certificate carries one, the
    person's; for the seal (None) the name or the organisation must be the school.
    """
    owner_name = owner_of(person)
    personal_id = person.personal_id_number if person else None
    subject = x509.load_der_x509_certificate(leaf).subject
    oids = [NameOID.COMMON_NAME] if person else [NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME]
    names = [str(attribute.value) for oid in oids for attribute in subject.get_attributes_for_oid(oid)]
    if not any(_same_name(name, owner_name[:64]) for name in names):
        raise Invalid(
            f"Chứng thư cấp cho “{', '.join(names) or 'không rõ tên'}”, không phải “{owner_name}”.", field="file"
        )
    ids = [
        str(attribute.value).removeprefix("CCCD:")
        for attribute in subject.get_attributes_for_oid(NameOID.USER_ID)
        if str(attribute.value).startswith("CCCD:")
    ]
    if personal_id and ids and personal_id not in ids:
        raise Invalid("Số định danh cá nhân trong chứng thư không phải của người này.", field="file")


def register_pkcs12(
    actor: Actor, data: bytes, password: str, pin: str, now: datetime, *, purpose: str = "personal"
) -> int:
    """Take over the actor's own ``.p12`` (or, for the clerk, the school's seal); the certificate's id.

    The owner's former certificate is retired. Neither the file nor its password is kept; the key opens only with ``pin``.
    Raises NotAllowed, Invalid (password, PIN, another's name, key usage, validity, no trusted root).
    """
    actor.require(Permission.CERTIFICATE_OWN)
    person = _person_for(actor, purpose)
    owner = owner_key(person.id if person else None)
    if len(data) > 100_000:
        raise Invalid("Tệp chứng thư quá lớn.", field="file")
    imported = signers.import_pkcs12(data, password, owner=owner, pin=pin, server_secret=server_secret(), now=now)
    return store_key(actor, imported, person, now)


def _person_for(actor: Actor, purpose: str) -> m.Person | None:
    if purpose == "seal":
        if not actor.is_system and not actor.has_role(Role.CLERK):
            raise NotAllowed("Chỉ văn thư được đăng ký chứng thư con dấu của trường.")
        return None
    if purpose != "personal":
        raise Invalid("Chứng thư là của cá nhân hoặc con dấu của trường.", field="purpose")
    person = db.session.get(m.Person, actor.person_id) if actor.person_id else None
    if person is None:
        raise NotAllowed("Chứng thư cá nhân do chính người đó đăng ký.")
    return person


def store_key(
    actor: Actor, imported: signers.ImportedKey, person: m.Person | None, now: datetime, *, is_test: bool = False
) -> int:
    """Register an imported key for a person or, with None, for the school; the certificate's id. Raises Invalid, WrongState."""
    owner_name = owner_of(person)
    require_owner(imported.chain[0], person)
    if not chain_is_trusted(imported.chain, now):
        raise Invalid(
            "Chứng thư này không do nơi cấp mà trường tin cậy. Nhờ cán bộ CNTT nạp chứng thư gốc của nơi cấp trước.",
            field="file",
        )
    leaf = x509.load_der_x509_certificate(imported.chain[0])
    pems = [
        x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM).decode() for der in imported.chain
    ]
    values = {
        "purpose": "personal" if person else "seal",
        "person_id": person.id if person else None,
        "subject_name": _words_of(leaf.subject)[:300],
        "issuer_name": _words_of(leaf.issuer)[:300],
        "serial_number": imported.serial[:64],
        "not_before": imported.not_before,
        "not_after": imported.not_after,
        "certificate_pem": pems[0],
        "chain_pem": "".join(pems),
        "key_kind": "software",
        "key_envelope": imported.envelope.data,
        "n_wrong_pins": 0,
        "is_test": is_test,
        "registered_at": now,
        "registered_by": actor.account_id,
        "retired_at": None,
    }
    with write_transaction() as session:
        for old in _current(person.id if person else None):
            if old.fingerprint != imported.envelope.fingerprint:
                _retire(actor, old, now)
        row = session.scalar(select(m.Certificate).where(m.Certificate.fingerprint == imported.envelope.fingerprint))
        if row is not None and row.person_id != values["person_id"]:
            raise WrongState("Chứng thư này đã đăng ký cho người khác.")
        if row is None:
            row = m.Certificate(fingerprint=imported.envelope.fingerprint, **values)
            session.add(row)
        else:
            for column, value in values.items():
                setattr(row, column, value)
        session.flush()
        audit.record(
            AuditTag.CERTIFICATE_REGISTERED,
            actor,
            now,
            target_kind="certificate",
            target_id=row.id,
            state=audit.states("certificate", [row]),
            facts={"owner": owner_name, "serial": row.serial_number, "not_after": row.not_after.isoformat()},
        )
        return row.id


def _current(person_id: int | None) -> list[m.Certificate]:
    owner = m.Certificate.person_id.is_(None) if person_id is None else m.Certificate.person_id == person_id
    return list(
        db.session.scalars(
            select(m.Certificate)
            .where(owner, m.Certificate.retired_at.is_(None))
            .order_by(m.Certificate.id.desc())
            .execution_options(populate_existing=True)
        )
    )


def _retire(actor: Actor, row: m.Certificate, now: datetime) -> None:
    row.retired_at = now
    row.key_envelope = None  # a retired key must not be able to sign again; its certificate stays for checking
    db.session.flush()
    audit.record(
        AuditTag.CERTIFICATE_RETIRED,
        actor,
        now,
        target_kind="certificate",
        target_id=row.id,
        state=audit.states("certificate", [row]),
    )


def retire(actor: Actor, certificate_id: int, now: datetime) -> None:
    """Retire a certificate: its owner, or the IT officer. Its key is destroyed here. NotFound outside one's reach."""
    with write_transaction() as session:
        row = session.get(m.Certificate, certificate_id, populate_existing=True)
        own = row is not None and (
            row.person_id == actor.person_id if row.purpose == "personal" else actor.has_role(Role.CLERK)
        )
        if row is None or not (own or actor.may(Permission.CERTIFICATE_MANAGE)):
            raise NotFound("Không có chứng thư này.")
        if row.retired_at is not None:
            raise WrongState("Chứng thư này đã ngừng dùng.")
        _retire(actor, row, now)


# --- reading ------------------------------------------------------------------------------------------------------------


def list_certificates(actor: Actor, now: datetime) -> list[CertificateView]:
    """Every certificate, those in use first (IT officer): names and dates only."""
    actor.require(Permission.CERTIFICATE_MANAGE)
    rows = db.session.scalars(
        select(m.Certificate).order_by(m.Certificate.retired_at.is_not(None), m.Certificate.not_after)
    )
    return [view_of(row, now) for row in rows]


def own_certificates(actor: Actor, now: datetime) -> list[CertificateView]:
    """The actor's own certificates, and for the clerk the seal's; newest first, retired ones too."""
    conditions = [m.Certificate.person_id == actor.person_id]
    if actor.has_role(Role.CLERK):
        conditions.append(m.Certificate.purpose == "seal")
    rows: list[CertificateView] = []
    for condition in conditions:
        rows += [
            view_of(row, now)
            for row in db.session.scalars(select(m.Certificate).where(condition).order_by(m.Certificate.id.desc()))
        ]
    return rows


def view_of(row: m.Certificate, now: datetime) -> CertificateView:
    """What may be shown of a certificate."""
    days_left = (row.not_after - now).days
    if row.retired_at is not None:
        state = "retired"
    elif now > row.not_after:
        state = "expired"
    elif now < row.not_before:
        state = "early"
    elif row.n_wrong_pins >= MAX_WRONG_PINS:
        state = "closed"
    elif not chain_is_trusted(chain_of(row), now):
        state = "untrusted"
    else:
        state = "ending" if days_left <= max(WARN_DAYS) else "good"
    return CertificateView(
        row.id,
        row.purpose,
        owner_of(row.person),
        row.subject_name,
        row.issuer_name,
        row.serial_number,
        row.fingerprint,
        row.not_before,
        row.not_after,
        row.is_test,
        row.registered_at,
        row.retired_at,
        state,
        days_left,
    )


def chain_of(row: m.Certificate) -> tuple[bytes, ...]:
    """The DER chain of a certificate, leaf first, without the root."""
    return tuple(
        certificate.public_bytes(serialization.Encoding.DER)
        for certificate in x509.load_pem_x509_certificates(row.chain_pem.encode())
    )


def current_certificate(person_id: int | None) -> m.Certificate | None:
    """The certificate in use of a person, or with None of the school's seal."""
    return next(iter(_current(person_id)), None)


# --- opening a key ------------------------------------------------------------------------------------------------------


def open_key(actor: Actor, person_id: int | None, pin: str, now: datetime) -> OpenKey:
    """Open the key of a person (None: the seal) for one batch, after every check that does not need the key.

    An attempt is counted before the PIN is tried, so that parallel tries cannot pass five. Raises WrongState (none registered,
    not valid, no trusted root, closed after five wrong PINs) and NotAllowed (wrong PIN; written into the audit log).
    """
    row = current_certificate(person_id)
    whose = "của con dấu nhà trường" if person_id is None else "cá nhân của thầy, cô"
    if row is None or row.key_envelope is None:
        raise WrongState(f"Chưa có chứng thư số {whose}. Hãy đăng ký ở trang Chứng thư số.")
    if not row.not_before <= now <= row.not_after:
        raise WrongState(
            f"Chứng thư số {whose} chỉ có hiệu lực từ {row.not_before:%d/%m/%Y} đến {row.not_after:%d/%m/%Y}."
        )
    chain = chain_of(row)
    require_owner(chain[0], row.person)
    if signers.certificate_fingerprint(chain[0]) != row.fingerprint:
        raise WrongState("Chứng thư số đã đăng ký không còn như khi đăng ký. Hãy báo cán bộ CNTT.")
    if not chain_is_trusted(chain, now):
        raise WrongState("Chứng thư số không do nơi cấp mà trường tin cậy. Hãy báo cán bộ CNTT.")
    closed = WrongState("Khoá ký đã đóng vì nhập sai mã PIN năm lần. Hãy đăng ký lại chứng thư số.")
    with write_transaction() as session:
        tried = session.scalars(
            update(m.Certificate)
            .where(
                m.Certificate.id == row.id,
                m.Certificate.n_wrong_pins < MAX_WRONG_PINS,
                m.Certificate.retired_at.is_(None),
            )
            .values(n_wrong_pins=m.Certificate.n_wrong_pins + 1)
            .returning(m.Certificate.id)
            .execution_options(synchronize_session=False)
        ).all()
        if len(tried) != 1:
            raise closed
    envelope = signers.KeyEnvelope(row.key_envelope, owner_key(row.person_id), row.fingerprint)
    try:
        signers.SoftwareKeySigner.from_envelope(envelope, chain, pin, server_secret())
    except NotAllowed:
        with write_transaction() as session:
            n_wrong = session.scalar(select(m.Certificate.n_wrong_pins).where(m.Certificate.id == row.id)) or 0
            audit.record(
                AuditTag.PIN_REFUSED,
                actor,
                now,
                target_kind="certificate",
                target_id=row.id,
                state=audit.states("certificate", [row]),
                facts={"n_wrong": n_wrong},
            )
        left = MAX_WRONG_PINS - n_wrong
        if left <= 0:
            raise closed from None
        raise NotAllowed(f"Mã PIN không đúng. Chưa ký bản nào. Còn {left} lần thử.") from None
    with write_transaction() as session:
        session.execute(
            update(m.Certificate)
            .where(m.Certificate.id == row.id)
            .values(n_wrong_pins=0)
            .execution_options(synchronize_session=False)
        )
    return OpenKey(row.id, owner_of(row.person), row.fingerprint, envelope, chain, row.is_test)
