"""A new key on a token: made there, a request for its certificate given out, and the issued certificate written beside it."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from hocbaso.db import write_transaction
from hocbaso.documents.certificate_parts import named
from hocbaso.errors import Invalid
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.regulations.permissions import Permission
from hocbaso.services import audit, certificate_register, certificates, key_devices
from hocbaso.services.access import Actor

KINDS = ("rsa", "ec")


def make_request(
    actor: Actor, device: str, pin: str, kind: str, now: datetime, *, purpose: str = "personal", last_try: bool = False
) -> bytes:
    """Make a key pair on the token for the actor (the school, for the clerk); the certificate request as PEM, for the issuer.

    ``device`` is ``Seen.value``; ``kind`` is ``rsa`` (3072 bits) or ``ec`` (P-256). The private key never leaves the token. Also the
    way to renew: a request from a new key. Raises Invalid, WrongState, LastTry, NotAllowed (wrong PIN), Unavailable.
    """
    actor.require(Permission.CERTIFICATE_OWN)
    if kind not in KINDS:
        raise Invalid("Loại khoá là rsa hoặc ec.", field="kind")
    person = certificate_register.person_for(actor, purpose)
    owner, school = certificates.owner_of(person), certificates.owner_of(None)
    parts = [x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"), named(NameOID.ORGANIZATION_NAME, school)]
    parts.append(named(NameOID.COMMON_NAME, owner))
    if person is not None and person.personal_id_number:
        parts.append(x509.NameAttribute(NameOID.USER_ID, f"CCCD:{person.personal_id_number}"))
    driver, serial, label = key_devices.split_value(device)
    with key_devices.open_session(driver) as session:
        session.log_in(serial, label, pin, last_try=last_try)
        key_id = session.generate(kind, owner[:32])
        request = x509.load_der_x509_csr(session.request(key_id, x509.Name(parts).public_bytes()))
    with write_transaction():
        audit.record(
            AuditTag.TOKEN_KEY_MADE,
            actor,
            now,
            target_kind="token",
            target_id=serial,
            facts={"label": label, "key_id": key_id, "kind": kind, "owner": owner},
        )
    return request.public_bytes(serialization.Encoding.PEM)


def put_certificate(actor: Actor, device: str, pin: str, data: bytes, *, last_try: bool = False) -> str:
    """Write an issued certificate (PEM or DER) onto the token beside its key; the key's id. Registering it is the next step.

    Raises Invalid (not readable, no key of it here), WrongState, LastTry, NotAllowed (wrong PIN), Unavailable.
    """
    actor.require(Permission.CERTIFICATE_OWN)
    try:
        read = x509.load_pem_x509_certificate if b"-----BEGIN" in data else x509.load_der_x509_certificate
        leaf = read(data).public_bytes(serialization.Encoding.DER)
    except ValueError as error:
        raise Invalid("Tệp không phải chứng thư số.", field="file") from error
    driver, serial, label = key_devices.split_value(device)
    with key_devices.open_session(driver) as session:
        session.log_in(serial, label, pin, last_try=last_try)
        return session.put_certificate(leaf)
