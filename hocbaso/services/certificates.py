"""The certificate in use of a person or of the school's seal: whose it is, what may be shown of it, and opening its key.

At signing it is looked up from the person, never chosen from a list, so that nobody signs with another's. A private key lies
here only as an envelope that needs both the owner's PIN and a secret outside the database (``documents.signers``,
``services/signing_secret.py``).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID
from sqlalchemy import select, update

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.documents import signers
from hocbaso.documents.certificate_owner import why_not_seal
from hocbaso.documents.token_session import LastTry
from hocbaso.errors import Invalid, NotAllowed, NotFound, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Role
from hocbaso.regulations.transcript_flow import SignatureRole
from hocbaso.services import audit, document_pool, key_places
from hocbaso.services.access import Actor
from hocbaso.services.signing_secret import server_secret
from hocbaso.services.trust_roots import chain_is_trusted, is_revoked

# Signing asks for what is trusted where it asks for the key.
from hocbaso.services.trust_roots import trusted_crls as trusted_crls
from hocbaso.services.trust_roots import trusted_roots as trusted_roots

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
    """``good``, ``ending`` (within 90 days), ``expired``, ``early``, ``retired``, ``revoked``, ``refused`` (by the authority),
    ``closed`` (wrong PINs), ``untrusted``, ``cancelled`` (revoked by its issuer, by a list at hand)."""
    days_left: int
    key_kind: str
    key_words: str
    """Where the key lives, for people."""
    asks: tuple[str, ...]
    """What is typed to sign with it: ``pin``, ``code``."""
    bound_roles: tuple[str, ...]
    approval: str
    """``unsent``, ``sent``, ``approved`` or ``refused`` by the authority."""
    approval_at: datetime | None
    approval_note: str | None
    renewal_asked_at: datetime | None
    revoked_at: datetime | None
    revoke_reason: str | None
    keeps_key: bool = False
    """Replaced, but its key is kept: it can be taken into use again."""
    has_image: bool = False

    @property
    def warn_days(self) -> int | None:
        """The narrowest of 7, 30, 90 days that its end has come within; None while it is farther, or past."""
        if self.retired_at is not None or self.days_left < 0 or self.state == "expired":
            return None
        return next((days for days in WARN_DAYS if self.days_left <= days), None)

    @property
    def serial_words(self) -> str:
        """The serial number in groups of four from the left, at most two groups: how people compare it."""
        return " ".join(self.serial_number[i : i + 4] for i in range(0, min(8, len(self.serial_number)), 4))


@dataclass(frozen=True, slots=True)
class OpenKey:
    """A key whose PIN was right, for one batch: ``envelope`` for a worker to open with the PIN, or ``elsewhere``, already open."""

    certificate_id: int
    owner_name: str
    fingerprint: str
    envelope: signers.KeyEnvelope | None
    chain: tuple[bytes, ...]
    is_test: bool
    elsewhere: signers.BatchSigner | None = None

    def close(self) -> None:
        """Log out where the key lives elsewhere."""
        if self.elsewhere is not None:
            self.elsewhere.close()


def owner_key(person_id: int | None) -> str:
    """Whom an envelope belongs to; bound into it, so that it opens for nobody else."""
    return "seal" if person_id is None else f"person:{person_id}"


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
    person's; for the seal (None) the rule is the one by which its signatures are judged (decision 0030).
    """
    if person is None:
        school = db.session.get(m.School, 1)
        reason = why_not_seal(leaf, owner_of(None), school.province if school is not None else None)
        if reason is not None:
            raise Invalid(reason, field="file")
        return
    owner_name = owner_of(person)
    personal_id = person.personal_id_number
    subject = x509.load_der_x509_certificate(leaf).subject
    names = [str(attribute.value) for attribute in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
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


def current_certificates(person_id: int | None) -> list[m.Certificate]:
    """The certificates not retired of a person, or with None of the seal; newest first, read afresh."""
    owner = m.Certificate.person_id.is_(None) if person_id is None else m.Certificate.person_id == person_id
    return list(
        db.session.scalars(
            select(m.Certificate)
            .where(owner, m.Certificate.retired_at.is_(None))
            .order_by(m.Certificate.id.desc())
            .execution_options(populate_existing=True)
        )
    )


def current_certificate(person_id: int | None) -> m.Certificate | None:
    """The certificate in use of a person, or with None of the school's seal."""
    return next(iter(current_certificates(person_id)), None)


def chain_of(row: m.Certificate) -> tuple[bytes, ...]:
    """The DER chain of a certificate, leaf first, without the root."""
    return tuple(
        certificate.public_bytes(serialization.Encoding.DER)
        for certificate in x509.load_pem_x509_certificates(row.chain_pem.encode())
    )


def view_of(row: m.Certificate, now: datetime) -> CertificateView:
    """What may be shown of a certificate."""
    # By the school's calendar, as every deadline and reminder counts.
    days_left = (clock.local_date(row.not_after) - clock.local_date(now)).days
    if row.revoked_at is not None:
        state = "revoked"
    elif row.retired_at is not None:
        state = "retired"
    elif row.approval == "refused":
        state = "refused"
    elif now > row.not_after:
        state = "expired"
    elif now < row.not_before:
        state = "early"
    elif row.n_wrong_pins >= MAX_WRONG_PINS:
        state = "closed"
    elif is_revoked(chain_of(row), now):
        state = "cancelled"
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
        row.key_kind,
        key_places.words_of(row.key_kind, row.key_place),
        key_places.asks(row.key_kind, row.key_place),
        tuple(row.bound_roles.split()),
        row.approval,
        row.approval_at,
        row.approval_note,
        row.renewal_asked_at,
        row.revoked_at,
        row.revoke_reason,
        row.retired_at is not None and row.key_envelope is not None,
        row.image_digest is not None,
    )


CANCELLED = "Nơi cấp đã thu hồi chứng thư số này, không ký được nữa. Hãy đăng ký chứng thư khác."


def require_bound(row: m.Certificate, role: SignatureRole) -> None:
    """Refuse a certificate that may not give this signature. Raises WrongState (revoked, refused, not approved), NotAllowed."""
    if row.revoked_at is not None:
        raise WrongState(f"Chứng thư số đã bị thu hồi ngày {clock.local_date(row.revoked_at):%d/%m/%Y}, không ký được.")
    if role.value not in row.bound_roles.split():
        raise NotAllowed(
            f"Chứng thư số này không được gắn để ký với tư cách {ROLE_WORDS[role]}. Nhờ cán bộ CNTT xem sổ chứng thư."
        )
    if row.approval == "refused":
        raise WrongState("Cơ quan quản lý không chấp nhận chứng thư số này. Hãy đăng ký chứng thư khác.")
    if role is SignatureRole.SEAL and row.approval != "approved" and not row.is_test:
        # CV 2088/BGDĐT-GDTH annex 1, III.2: the school issues after the authority has approved its certificate.
        raise WrongState(
            "Chứng thư con dấu chưa được Sở phê duyệt nên chưa đóng dấu được. "
            "Khi có văn bản phê duyệt, cán bộ CNTT ghi vào sổ chứng thư."
        )


def require_standing(certificate_id: int, role: SignatureRole, now: datetime) -> None:
    """Refuse a signature of a certificate that no longer stands, read afresh: its key may have been open for minutes.

    Raises WrongState (revoked, refused, retired, not valid at ``now``, its root no longer trusted), NotAllowed (not bound).
    """
    row = db.session.get(m.Certificate, certificate_id, populate_existing=True)
    if row is None:
        raise WrongState("Chứng thư số không còn trong sổ, không ký được.")
    require_bound(row, role)
    if row.retired_at is not None:
        raise WrongState("Chứng thư số đã ngừng dùng trong khi đang ký, không ký tiếp được.")
    if not row.not_before <= now <= row.not_after:
        raise WrongState("Chứng thư số không còn trong thời hạn có hiệu lực, không ký tiếp được.")
    chain = chain_of(row)
    if is_revoked(chain, now):
        raise WrongState(CANCELLED)
    if not chain_is_trusted(chain, now):
        raise WrongState("Chứng thư số không do nơi cấp mà trường tin cậy. Hãy báo cán bộ CNTT.")


ROLE_WORDS = {
    SignatureRole.HOMEROOM: "giáo viên chủ nhiệm",
    SignatureRole.PRINCIPAL: "Hiệu trưởng",
    SignatureRole.SEAL: "con dấu nhà trường",
}
"""In which capacity somebody signs, in words."""


def open_key(
    actor: Actor,
    person_id: int | None,
    pin: str,
    now: datetime,
    *,
    role: SignatureRole | None = None,
    code: str = "",
    last_try: bool = False,
    desk: str = "",
) -> OpenKey:
    """Open the key of a person (None: the seal) for one batch, after every check that does not need the key.

    ``role``: what it is to sign; the certificate must be bound to it. An attempt is counted before the PIN is tried, so that
    parallel tries cannot pass five; where the device was not asked (not there, one try left) it is not counted.
    PIN and one-time ``code`` of a remote key are judged, and its tries counted, by the provider when the first hashes come; the PIN of a
    token at the signer's ``desk`` by that token.
    The caller closes what it gets. Raises WrongState (none registered, not valid, no trusted root, closed after five wrong
    PINs, device absent or locked), Unavailable, LastTry and NotAllowed (wrong PIN; written into the audit log).
    """
    row = current_certificate(person_id)
    whose = "của con dấu nhà trường" if person_id is None else "cá nhân của thầy, cô"
    if row is None or (row.key_envelope is None and row.key_place is None):
        raise WrongState(f"Chưa có chứng thư số {whose}. Hãy đăng ký ở trang Chứng thư số.")
    if not row.not_before <= now <= row.not_after:
        raise WrongState(
            f"Chứng thư số {whose} chỉ có hiệu lực từ {row.not_before:%d/%m/%Y} đến {row.not_after:%d/%m/%Y}."
        )
    if role is not None:
        require_bound(row, role)
    chain = chain_of(row)
    require_owner(chain[0], row.person)
    if signers.certificate_fingerprint(chain[0]) != row.fingerprint:
        raise WrongState("Chứng thư số đã đăng ký không còn như khi đăng ký. Hãy báo cán bộ CNTT.")
    if is_revoked(chain, now):
        raise WrongState(CANCELLED)
    if not chain_is_trusted(chain, now):
        raise WrongState("Chứng thư số không do nơi cấp mà trường tin cậy. Hãy báo cán bộ CNTT.")
    _count_try(row)
    envelope: signers.KeyEnvelope | None = None
    elsewhere: signers.BatchSigner | None = None
    try:
        if row.key_place is None:
            envelope = signers.KeyEnvelope(row.key_envelope or b"", owner_key(row.person_id), row.fingerprint)
            # In a worker: the web process, which everybody talks to, never holds a private key.
            document_pool.call("hocbaso.documents.sign_request:try_pin", envelope, chain, pin, server_secret())
        else:
            elsewhere = key_places.open_signer(
                actor, row.key_kind, row.key_place, chain[0], pin, now, code=code, last_try=last_try, desk=desk
            )
    except LastTry:
        _set_tries(row, m.Certificate.n_wrong_pins - 1)
        raise
    except NotAllowed as refusal:
        _refuse_pin(actor, row, now, refusal)
    except BaseException:
        _set_tries(row, m.Certificate.n_wrong_pins - 1)
        raise
    _set_tries(row, 0)
    return OpenKey(row.id, owner_of(row.person), row.fingerprint, envelope, chain, row.is_test, elsewhere)


def is_good_pin(pin: str) -> bool:
    """Whether a PIN could be chosen today; older ones open their keys all the same."""
    try:
        signers.check_pin(pin)
    except Invalid:
        return False
    return True


def change_pin(actor: Actor, certificate_id: int, pin: str, new_pin: str, now: datetime) -> None:
    """Give one's own key on this machine another PIN (the seal's: the clerk). Raises NotFound, WrongState (no such key, closed),
    NotAllowed (wrong PIN, counted as at signing), Invalid (the new one is too easy)."""
    row = db.session.get(m.Certificate, certificate_id, populate_existing=True)
    own = row is not None and (
        row.person_id == actor.person_id if row.purpose == "personal" else actor.has_role(Role.CLERK)
    )
    if row is None or not own:
        raise NotFound("Không có chứng thư này.")
    if row.retired_at is not None or row.key_envelope is None:
        raise WrongState("Khoá của chứng thư này không nằm trên máy chủ; mã PIN do thiết bị hoặc nơi cấp giữ.")
    signers.check_pin(new_pin)
    chain = chain_of(row)
    envelope = signers.KeyEnvelope(row.key_envelope, owner_key(row.person_id), row.fingerprint)
    _count_try(row)
    try:
        made: signers.KeyEnvelope = document_pool.call(
            "hocbaso.documents.signers:reseal_key", envelope, chain, pin, new_pin, server_secret()
        )
    except NotAllowed as refusal:
        _refuse_pin(actor, row, now, refusal, "Mã PIN đang dùng không đúng.")
    except BaseException:
        _set_tries(row, m.Certificate.n_wrong_pins - 1)
        raise
    with write_transaction() as session:
        session.refresh(row)
        if row.retired_at is not None or row.key_envelope != envelope.data:
            raise WrongState("Chứng thư này vừa được thay đổi ở nơi khác; mã PIN chưa đổi.")
        row.key_envelope, row.n_wrong_pins = made.data, 0
        session.flush()
        audit.record(
            AuditTag.CERTIFICATE_PIN_CHANGED,
            actor,
            now,
            target_kind="certificate",
            target_id=row.id,
            state=audit.states("certificate", [row]),
        )


def prove_pin(actor: Actor, row: m.Certificate, pin: str, now: datetime) -> None:
    """Open a kept key once, so that nobody but who knows its PIN ends it. Tries are counted as at signing.

    Raises WrongState (closed), NotAllowed (wrong PIN).
    """
    envelope = signers.KeyEnvelope(row.key_envelope or b"", owner_key(row.person_id), row.fingerprint)
    _count_try(row, in_use=False)
    try:
        document_pool.call("hocbaso.documents.sign_request:try_pin", envelope, chain_of(row), pin, server_secret())
    except NotAllowed as refusal:
        _refuse_pin(actor, row, now, refusal, "Mã PIN không đúng. Chưa xoá gì.")
    except BaseException:
        _set_tries(row, m.Certificate.n_wrong_pins - 1)
        raise
    _set_tries(row, 0)


def _closed(row: m.Certificate) -> WrongState:
    where = "Khoá ký" if row.key_place is None else "Khoá ký trên máy này"
    return WrongState(f"{where} đã đóng vì nhập sai mã PIN năm lần. Hãy đăng ký lại chứng thư số.")


def _count_try(row: m.Certificate, *, in_use: bool = True) -> None:
    with write_transaction() as session:
        tried = session.scalars(
            update(m.Certificate)
            .where(
                m.Certificate.id == row.id,
                m.Certificate.n_wrong_pins < MAX_WRONG_PINS,
                m.Certificate.retired_at.is_(None) if in_use else m.Certificate.retired_at.is_not(None),
            )
            .values(n_wrong_pins=m.Certificate.n_wrong_pins + 1)
            .returning(m.Certificate.id)
            .execution_options(synchronize_session=False)
        ).all()
        if len(tried) != 1:
            raise _closed(row)


def _set_tries(row: m.Certificate, value: Any) -> None:
    with write_transaction() as session:
        session.execute(
            update(m.Certificate)
            .where(m.Certificate.id == row.id)
            .values(n_wrong_pins=value)
            .execution_options(synchronize_session=False)
        )


def _refuse_pin(
    actor: Actor,
    row: m.Certificate,
    now: datetime,
    refusal: NotAllowed,
    words: str = "Mã PIN không đúng. Chưa ký bản nào.",
) -> NoReturn:
    """Write the wrong PIN into the log and say how many tries are left here, and what the device says of its own."""
    with write_transaction() as session:
        n_wrong = session.scalar(select(m.Certificate.n_wrong_pins).where(m.Certificate.id == row.id)) or 0
        audit.record(
            AuditTag.PIN_REFUSED,
            actor,
            now,
            target_kind="certificate",
            target_id=row.id,
            facts={"n_wrong": n_wrong},
        )
    left = MAX_WRONG_PINS - n_wrong
    if left <= 0:
        raise _closed(row) from None
    if row.key_place is None:
        raise NotAllowed(f"{words} Còn {left} lần thử.") from None
    raise NotAllowed(f"{refusal.message} Trên máy này còn {left} lần thử.", details=refusal.details) from None
