"""Registering a certificate whose key lives on a token or HSM of the server: the key stays there, nothing of it comes here."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509

from hocbaso import models as m
from hocbaso.db import write_transaction
from hocbaso.documents import signers
from hocbaso.documents.token_session import LastTry, TokenFacts, TokenKey
from hocbaso.errors import Invalid, NotAllowed, WrongState
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.services import audit, certificate_register, certificates, key_devices
from hocbaso.services.access import Actor
from hocbaso.services.trust_roots import chain_is_trusted


def register_token(
    actor: Actor,
    device: str,
    pin: str,
    now: datetime,
    *,
    purpose: str = "personal",
    replace: bool = False,
    intermediates: bytes = b"",
    last_try: bool = False,
) -> int:
    """Register the actor's own certificate from a token (the school's, for the clerk); the certificate's id.

    ``device`` is ``Seen.value``; ``intermediates`` PEM or DER of issuing authorities that the token does not hold. The token is
    logged into once, and each key proves by a signature that it is its certificate's. Of several fitting certificates the
    one valid longest is taken. Raises NotAllowed (wrong PIN), LastTry, WrongState, Unavailable, Invalid (no certificate of
    this person; each reason in ``details``).
    """
    actor.require(Permission.CERTIFICATE_OWN)
    person = certificate_register.person_for(actor, purpose)
    driver, serial, label = key_devices.split_value(device)
    others = read_certificates(intermediates)
    with key_devices.open_session(driver) as session:
        # A PIN is tried only on a token that says it is this person's: nobody locks or guesses another's.
        shown = next((token for token in session.tokens() if (token.serial, token.label) == (serial, label)), None)
        if shown is None:
            raise WrongState(f"Không thấy thiết bị “{label}”. Hãy cắm thiết bị vào máy chủ rồi tải lại trang.")
        _require_own(shown, person)
        try:
            session.log_in(serial, label, pin, last_try=last_try)
        except LastTry:
            raise  # nothing was tried
        except NotAllowed:
            with write_transaction():
                audit.record(
                    AuditTag.PIN_REFUSED, actor, now, target_kind="token", target_id=serial, facts={"label": label}
                )
            raise
        found = session.certified_keys()
    fitting: list[tuple[datetime, TokenKey, tuple[bytes, ...]]] = []
    reasons: list[str] = []
    for key in found:
        leaf = x509.load_der_x509_certificate(key.chain[0])
        chain = signers.order_chain(leaf, [*map(x509.load_der_x509_certificate, key.chain[1:]), *others])
        try:
            signers.check_certificate(leaf, now)
            certificates.require_owner(chain[0], person)
            if not chain_is_trusted(chain, now):
                raise Invalid("Chứng thư này không do nơi cấp mà trường tin cậy.")
        except Invalid as refusal:
            reasons.append(refusal.message)
        else:
            fitting.append((leaf.not_valid_after_utc, key, chain))
    if not fitting:
        raise Invalid(
            f"Thiết bị “{label}” không có chứng thư nào dùng được cho {certificates.owner_of(person)}.",
            field="device",
            details=tuple(dict.fromkeys(reasons)) or ("Trên thiết bị chưa có khoá nào kèm chứng thư.",),
        )
    _, key, chain = max(fitting, key=lambda each: each[0])
    place = {"driver": driver, "serial": serial, "label": label, "key_id": key.key_id}
    return certificate_register.store(actor, chain, person, now, key_kind="pkcs11", place=place, replace=replace)


def _require_own(token: TokenFacts, person: m.Person | None) -> None:
    reasons = []
    for _, der in token.certificates:
        try:
            certificates.require_owner(der, person)
        except Invalid as refusal:
            reasons.append(refusal.message)
        else:
            return
    raise Invalid(
        f"Thiết bị “{token.label}” không mang chứng thư của {certificates.owner_of(person)}; máy chưa thử mã PIN.",
        field="device",
        details=tuple(dict.fromkeys(reasons)),
    )


def read_certificates(data: bytes) -> list[x509.Certificate]:
    """Issuing authorities from an uploaded file (PEM or DER); none from an empty one. Raises Invalid."""
    if not data:
        return []
    if len(data) > 100_000:
        raise Invalid("Tệp chứng thư trung gian quá lớn.", field="intermediates")
    try:
        if b"-----BEGIN" in data:
            return x509.load_pem_x509_certificates(data)
        return [x509.load_der_x509_certificate(data)]
    except ValueError as error:
        raise Invalid("Tệp chứng thư trung gian không đọc được.", field="intermediates") from error
