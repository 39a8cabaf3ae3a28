"""Registering a certificate whose key lies on a token at the owner's own computer: shown by the signing helper there, and proven.

The server gives a nonce to one browser session; the helper signs it together with the school's address as its own browser gave it, so a
proof made for another site is worth nothing here. The page only carries.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509

from hocbaso.documents import signers
from hocbaso.errors import Invalid, WrongState
from hocbaso.regulations.permissions import Permission
from hocbaso.services import certificate_register, certificates, document_pool
from hocbaso.services.access import Actor
from hocbaso.services.token_register import read_certificates
from hocbaso.services.trust_roots import chain_is_trusted

NONCE_FOR = timedelta(minutes=10)
MAX_SHOWN = 16
MAX_CERTIFICATE = 8_000

_LOCK = threading.Lock()
_NONCES: dict[tuple[str, str], tuple[str, datetime]] = {}


def challenge(actor: Actor, session: str, now: datetime) -> str:
    """A fresh nonce for one browser session; good once, for ten minutes."""
    actor.require(Permission.CERTIFICATE_OWN)
    nonce = secrets.token_urlsafe(24)
    with _LOCK:
        for key in [key for key, (_, at) in _NONCES.items() if now - at > NONCE_FOR]:
            del _NONCES[key]
        _NONCES[str(document_pool.config().instance), session] = (nonce, now)
    return nonce


def _spend(session: str, nonce: str, now: datetime) -> None:
    with _LOCK:
        kept = _NONCES.pop((str(document_pool.config().instance), session), None)
    if kept is None or now - kept[1] > NONCE_FOR or not hmac.compare_digest(kept[0].encode(), nonce.encode()):
        raise WrongState("Trang đăng ký đã cũ. Hãy tải lại trang rồi đăng ký lại.")


def proof_message(origin: str, nonce: str, fingerprint: str) -> bytes:
    """What the helper signs to show that it holds the key (the helper writes the same from what it knows itself)."""
    return f"hocbaso-ky proof of possession 1\n{origin}\n{nonce}\n{fingerprint}\n".encode("ascii", "replace")


def register_desk(
    actor: Actor,
    session: str,
    origin: str,
    nonce: str,
    leaf: bytes,
    signature: bytes,
    place: dict[str, str],
    now: datetime,
    *,
    purpose: str = "personal",
    replace: bool = False,
    shown: Sequence[bytes] = (),
    intermediates: bytes = b"",
) -> int:
    """Register the actor's own certificate (the school's, for the clerk) from a token at their computer; the certificate's id.

    ``signature`` is over :func:`proof_message`; ``place`` has ``serial``, ``label`` and ``key_id``; ``shown`` are further certificates of the
    token. Raises WrongState (old page), Invalid (no proof, another's name, not trusted).
    """
    from hocbaso.documents import cms  # brings asn1crypto, which the web process needs only here

    actor.require(Permission.CERTIFICATE_OWN)
    person = certificate_register.person_for(actor, purpose)
    _spend(session, nonce, now)
    if len(leaf) > MAX_CERTIFICATE or any(len(each) > MAX_CERTIFICATE for each in shown) or len(shown) > MAX_SHOWN:
        raise Invalid("Chứng thư trên thiết bị quá lớn.")
    try:
        certificate = x509.load_der_x509_certificate(leaf)
        others = [x509.load_der_x509_certificate(each) for each in shown]
    except ValueError as error:
        raise Invalid("Chứng thư trên thiết bị không đọc được.") from error
    signers.check_certificate(certificate, now)
    certificates.require_owner(leaf, person)
    fingerprint = signers.certificate_fingerprint(leaf)
    digest = hashlib.sha256(proof_message(origin, nonce, fingerprint)).digest()
    if not cms.verify_digest(certificate.public_key(), digest, signature):
        raise Invalid("Thiết bị chưa chứng minh được là nó giữ khoá của chứng thư này.")
    chain = signers.order_chain(certificate, [*others, *read_certificates(intermediates)])
    if not chain_is_trusted(chain, now):
        raise Invalid(
            "Chứng thư này không do nơi cấp mà trường tin cậy. Nhờ cán bộ CNTT nạp chứng thư gốc, hoặc chọn thêm tệp chứng thư trung gian."
        )
    kept = {name: place.get(name, "")[:64] for name in ("serial", "label", "key_id")}
    return certificate_register.store(actor, chain, person, now, key_kind="desk", place=kept, replace=replace)
