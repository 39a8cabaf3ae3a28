"""The register of certificates: taking one in for its owner, retiring it, and the lists.

A certificate is bound to a person (or to the school, for the seal) when it is registered, under the owner's own name only.
"""

from __future__ import annotations

import json
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from sqlalchemy import select

from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents import signers
from hocbaso.errors import Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission, Role
from hocbaso.services import audit
from hocbaso.services.access import Actor
from hocbaso.services.certificates import (
    CertificateView,
    current_certificate,
    current_certificates,
    owner_key,
    owner_of,
    require_owner,
    view_of,
)
from hocbaso.services.signing_secret import server_secret
from hocbaso.services.trust_roots import chain_is_trusted, root_is_test, words_of_name


def register_pkcs12(
    actor: Actor, data: bytes, password: str, pin: str, now: datetime, *, purpose: str = "personal"
) -> int:
    """Take over the actor's own ``.p12`` (or, for the clerk, the school's seal); the certificate's id.

    The owner's former certificate is retired. Neither the file nor its password is kept; the key opens only with ``pin``.
    Raises NotAllowed, Invalid (password, PIN, another's name, key usage, validity, no trusted root).
    """
    actor.require(Permission.CERTIFICATE_OWN)
    person = person_for(actor, purpose)
    owner = owner_key(person.id if person else None)
    if len(data) > 100_000:
        raise Invalid("Tệp chứng thư quá lớn.", field="file")
    imported = signers.import_pkcs12(data, password, owner=owner, pin=pin, server_secret=server_secret(), now=now)
    return store_key(actor, imported, person, now)


def person_for(actor: Actor, purpose: str) -> m.Person | None:
    """Whose certificate the actor may register: their own (``personal``), or for the clerk the school's (``seal``: None)."""
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
    return store(
        actor, imported.chain, person, now, key_kind="software", envelope=imported.envelope.data, is_test=is_test
    )


def store(
    actor: Actor,
    chain: tuple[bytes, ...],
    person: m.Person | None,
    now: datetime,
    *,
    key_kind: str,
    envelope: bytes | None = None,
    place: dict[str, str] | None = None,
    is_test: bool = False,
) -> int:
    """Register a certificate (DER, leaf first) whose key lies in ``envelope``, or at ``place`` outside this machine; its id.

    The owner's certificate in use is retired. Raises Invalid (another's name, no trusted root), WrongState.
    """
    owner_name = owner_of(person)
    require_owner(chain[0], person)
    if not chain_is_trusted(chain, now):
        raise Invalid(
            "Chứng thư này không do nơi cấp mà trường tin cậy. Nhờ cán bộ CNTT nạp chứng thư gốc của nơi cấp trước.",
            field="file",
        )
    leaf = x509.load_der_x509_certificate(chain[0])
    fingerprint = signers.certificate_fingerprint(chain[0])
    pems = [x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM).decode() for der in chain]
    values = {
        "purpose": "personal" if person else "seal",
        "person_id": person.id if person else None,
        "subject_name": words_of_name(leaf.subject)[:300],
        "issuer_name": words_of_name(leaf.issuer)[:300],
        "serial_number": signers.certificate_serial(chain[0])[:64],
        "not_before": leaf.not_valid_before_utc,
        "not_after": leaf.not_valid_after_utc,
        "certificate_pem": pems[0],
        "chain_pem": "".join(pems),
        "key_kind": key_kind,
        "key_envelope": envelope,
        "key_place": json.dumps(place, ensure_ascii=False, sort_keys=True) if place else None,
        "n_wrong_pins": 0,
        "is_test": is_test or root_is_test(chain, now),
        "registered_at": now,
        "registered_by": actor.account_id,
        "retired_at": None,
    }
    with write_transaction() as session:
        for old in current_certificates(person.id if person else None):
            if old.fingerprint != fingerprint:
                _retire(actor, old, now)
        row = session.scalar(select(m.Certificate).where(m.Certificate.fingerprint == fingerprint))
        if row is not None and row.person_id != values["person_id"]:
            raise WrongState("Chứng thư này đã đăng ký cho người khác.")
        if row is not None and row.revoked_at is not None:
            raise WrongState("Chứng thư này đã bị thu hồi, không đăng ký lại được.")
        if row is None:
            bound = "homeroom principal" if person else "seal"
            row = m.Certificate(fingerprint=fingerprint, bound_roles=bound, approval="unsent", **values)
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
            facts={
                "owner": owner_name,
                "serial": row.serial_number,
                "not_after": row.not_after.isoformat(),
                "key_kind": key_kind,
            },
        )
        return row.id


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


def one(actor: Actor, certificate_id: int, now: datetime) -> CertificateView:
    """One certificate, for its owner (the clerk for the seal) or the IT officer; NotFound for everybody else."""
    row = db.session.get(m.Certificate, certificate_id, populate_existing=True)
    own = row is not None and (
        row.person_id == actor.person_id if row.purpose == "personal" else actor.has_role(Role.CLERK)
    )
    if row is None or not (own or actor.may(Permission.CERTIFICATE_MANAGE)):
        raise NotFound("Không có chứng thư này.")
    return view_of(row, now)


def seal_in_use(actor: Actor, now: datetime) -> CertificateView | None:
    """The seal's certificate in use, for the clerk; None for everybody else, and where there is none."""
    if not actor.has_role(Role.CLERK):
        return None
    row = current_certificate(None)
    return view_of(row, now) if row is not None else None


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
