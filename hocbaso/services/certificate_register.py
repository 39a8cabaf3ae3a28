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
from hocbaso.services import audit, document_pool
from hocbaso.services.access import Actor
from hocbaso.services.certificates import (
    CertificateView,
    chain_of,
    current_certificate,
    current_certificates,
    owner_key,
    owner_of,
    prove_pin,
    require_owner,
    view_of,
)
from hocbaso.services.signing_secret import server_secret
from hocbaso.services.trust_roots import chain_is_trusted, is_revoked, root_is_test, words_of_name


class ReplacesSeal(WrongState):
    """The school has a seal in use that still signs: it is replaced only by somebody who was told and says so."""


def register_pkcs12(
    actor: Actor,
    data: bytes,
    password: str,
    pin: str,
    now: datetime,
    *,
    purpose: str = "personal",
    replace: bool = False,
) -> int:
    """Take over the actor's own ``.p12`` (or, for the clerk, the school's seal); the certificate's id.

    The owner's former certificate is retired; its key is kept until the new one has signed. Neither the file nor its password is kept;
    the key opens only with ``pin``. Raises NotAllowed, Invalid (password, PIN, another's name, key usage, validity, revoked, no
    trusted root), ReplacesSeal (a seal in use, and not ``replace``).
    """
    actor.require(Permission.CERTIFICATE_OWN)
    person = person_for(actor, purpose)
    owner = owner_key(person.id if person else None)
    if len(data) > 100_000:
        raise Invalid("Tệp chứng thư quá lớn.", field="file")
    imported = document_pool.call(
        "hocbaso.documents.sign_request:take_over", data, password, owner, pin, server_secret(), now
    )
    return store_key(actor, imported, person, now, replace=replace)


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
    actor: Actor,
    imported: signers.ImportedKey,
    person: m.Person | None,
    now: datetime,
    *,
    is_test: bool = False,
    replace: bool = False,
) -> int:
    """Register an imported key for a person or, with None, for the school; the certificate's id. Raises Invalid, WrongState."""
    return store(
        actor,
        imported.chain,
        person,
        now,
        key_kind="software",
        envelope=imported.envelope.data,
        is_test=is_test,
        replace=replace,
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
    replace: bool = False,
) -> int:
    """Register a certificate (DER, leaf first) whose key lies in ``envelope``, or at ``place`` outside this machine; its id.

    The owner's certificate in use is retired, its key kept (:func:`destroy_replaced`, :func:`reinstate`). Raises Invalid (another's
    name, revoked, no trusted root), ReplacesSeal, WrongState.
    """
    owner_name = owner_of(person)
    require_owner(chain[0], person)
    if not chain_is_trusted(chain, now):
        raise Invalid(
            "Chứng thư này không do nơi cấp mà trường tin cậy. Nhờ cán bộ CNTT nạp chứng thư gốc của nơi cấp trước.",
            field="file",
        )
    if is_revoked(chain, now):
        raise Invalid("Nơi cấp đã thu hồi chứng thư này; không đăng ký được.", field="file")
    leaf = x509.load_der_x509_certificate(chain[0])
    fingerprint = signers.certificate_fingerprint(chain[0])
    if person is None and not replace:
        _require_no_seal_in_use(fingerprint, now)
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
        "image_digest": None,
    }
    with write_transaction() as session:
        for old in current_certificates(person.id if person else None):
            values["image_digest"] = old.image_digest  # of the owner, not of the key
            if old.fingerprint != fingerprint:
                _retire(actor, old, now)
        row = session.scalar(select(m.Certificate).where(m.Certificate.fingerprint == fingerprint))
        if row is not None and row.person_id != values["person_id"]:
            raise WrongState("Chứng thư này đã đăng ký cho người khác.")
        if row is not None and row.revoked_at is not None:
            raise WrongState(
                "Chứng thư này đã bị thu hồi, không đăng ký lại được. Cán bộ CNTT ghi nhầm thì Hiệu trưởng hoặc Phó Hiệu trưởng, không "
                "phải chủ chứng thư, gỡ ở trang Chứng thư số trước."
            )
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


def _require_no_seal_in_use(fingerprint: str, now: datetime) -> None:
    for row in current_certificates(None):
        view = view_of(row, now)
        if row.fingerprint != fingerprint and view.state in ("good", "ending"):
            raise ReplacesSeal(
                f"Trường đang dùng con dấu số {view.serial_words}, nơi cấp {view.issuer_name}, còn hạn đến "
                f"{view.not_after:%d/%m/%Y}. Đánh dấu “{REPLACE_WORDS}” nếu đúng là thay con dấu, rồi đăng ký lại."
            )


REPLACE_WORDS = "Thay con dấu đang dùng"


def _retire(actor: Actor, row: m.Certificate, now: datetime) -> None:
    # Its key stays, sealed: nothing opens the key of a certificate that is not in use, and a mistake is not final.
    row.retired_at = now
    db.session.flush()
    audit.record(
        AuditTag.CERTIFICATE_RETIRED,
        actor,
        now,
        target_kind="certificate",
        target_id=row.id,
        state=audit.states("certificate", [row]),
    )


def _destroy(actor: Actor, row: m.Certificate, now: datetime) -> None:
    row.key_envelope = None
    db.session.flush()
    audit.record(
        AuditTag.CERTIFICATE_KEY_DESTROYED,
        actor,
        now,
        target_kind="certificate",
        target_id=row.id,
        state=audit.states("certificate", [row]),
        facts={"serial": row.serial_number},
    )


def destroy_replaced(actor: Actor, certificate_id: int, now: datetime) -> None:
    """Destroy the keys that a certificate has replaced, once it has signed a record itself; before that nothing happens."""
    with write_transaction() as session:
        row = session.get(m.Certificate, certificate_id, populate_existing=True)
        if row is None or row.retired_at is not None:
            return
        owner = m.Certificate.person_id.is_(None) if row.person_id is None else m.Certificate.person_id == row.person_id
        replaced = session.scalars(
            select(m.Certificate)
            .where(owner, m.Certificate.retired_at.is_not(None), m.Certificate.key_envelope.is_not(None))
            .execution_options(populate_existing=True)
        ).all()
        signed = select(m.TranscriptSignature.id).where(m.TranscriptSignature.certificate_id == certificate_id).limit(1)
        if replaced and session.scalar(signed) is not None:
            for old in replaced:
                _destroy(actor, old, now)


def _kept(actor: Actor, certificate_id: int) -> m.Certificate:
    """A retired certificate whose key is kept, for its owner (the clerk for the seal) alone. NotFound, WrongState."""
    row = db.session.get(m.Certificate, certificate_id, populate_existing=True)
    if row is None or not is_own(actor, certificate_id):
        raise NotFound("Không có chứng thư này.")
    if row.retired_at is None or row.key_envelope is None:
        raise WrongState("Máy không còn giữ khoá cũ nào của chứng thư này.")
    return row


def reinstate(actor: Actor, certificate_id: int, now: datetime) -> None:
    """Take a certificate that was replaced or stopped by mistake into use again (its owner, the clerk for the seal); the one in
    use meanwhile is retired.

    Its key opens with the PIN it had. What the IT officer wrote down as revoked is lifted by a second person first
    (``certificate_standing.lift_revocation``). Raises NotFound, WrongState (key gone, revoked, expired), Invalid.
    """
    with write_transaction():
        row = _kept(actor, certificate_id)
        chain = chain_of(row)
        require_owner(chain[0], row.person)
        if row.revoked_at is not None:
            raise WrongState(
                "Chứng thư này đã ghi thu hồi. Muốn dùng lại phải có người thứ hai đồng ý gỡ: Hiệu trưởng hoặc Phó Hiệu trưởng, "
                "không phải chủ chứng thư, ở trang Chứng thư số."
            )
        if is_revoked(chain, now):
            raise WrongState("Chứng thư này đã bị thu hồi, không dùng lại được.")
        if not row.not_before <= now <= row.not_after or not chain_is_trusted(chain, now):
            raise WrongState("Chứng thư này hết hạn hoặc không còn được tin cậy, không dùng lại được.")
        for other in current_certificates(row.person_id):
            _retire(actor, other, now)
        row.retired_at = None
        db.session.flush()
        audit.record(
            AuditTag.CERTIFICATE_REINSTATED,
            actor,
            now,
            target_kind="certificate",
            target_id=row.id,
            state=audit.states("certificate", [row]),
            facts={"serial": row.serial_number},
        )


def destroy_key(actor: Actor, certificate_id: int, pin: str, now: datetime) -> None:
    """Destroy the kept key of a certificate that is not in use, for good: its owner (the clerk for the seal) with its PIN.

    Raises NotFound, WrongState (in use, no key, closed), NotAllowed (wrong PIN, counted as at signing).
    """
    prove_pin(actor, _kept(actor, certificate_id), pin, now)
    with write_transaction():
        _destroy(actor, _kept(actor, certificate_id), now)


def retire(actor: Actor, certificate_id: int, now: datetime) -> None:
    """Stop a certificate: its owner, or the IT officer. Its key stays sealed (:func:`reinstate`). NotFound outside one's reach."""
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


def is_own(actor: Actor, certificate_id: int) -> bool:
    """Whether a certificate is the actor's own, the seal's for the clerk."""
    row = db.session.get(m.Certificate, certificate_id)
    if row is None:
        return False
    return row.person_id == actor.person_id if row.purpose == "personal" else actor.has_role(Role.CLERK)


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
