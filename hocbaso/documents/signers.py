"""Who can sign: one small interface for keys in software, on a token or at a remote provider.

A ``Signer`` shows its certificate chain and turns a SHA-256 digest into a raw signature; PDF and XML signing know nothing more.
That is what a PKCS#11 token and a CSC ``signHash`` call offer too.

Keys at rest: PKCS#8 DER encrypted by a random 256-bit key (AES-256-GCM); that key is wrapped by
``KEK = HKDF(Argon2id(PIN, salt) || server secret)``. Neither the database alone nor the PIN alone opens it. Owner and
certificate are bound as associated data: an envelope moved to another account does not open. A mark derived one way from the
server secret tells without any PIN whether a secret is the one that sealed.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from argon2.low_level import Type, hash_secret_raw
from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import pkcs12

from hocbaso.documents.certificate_parts import certificate_fingerprint as certificate_fingerprint
from hocbaso.documents.signing_manifest import Paper
from hocbaso.errors import IntegrityFault, Invalid, NotAllowed

WRONG_PIN = "Mã PIN không đúng, hoặc khoá ký không thuộc về người này."
_ARGON2: dict[str, Any] = {
    "time_cost": 3,
    "memory_cost": 64 * 1024,
    "parallelism": 1,
    "hash_len": 32,
    "type": Type.ID,
    "version": 19,
}
_INFO = b"hocbaso signing key envelope 1"
_MARK_INFO = b"hocbaso signing secret mark 1"
MIN_PIN = 8


class Signer(Protocol):
    """A certificate with the power to sign. ``chain`` is DER, leaf first, without the root."""

    @property
    def chain(self) -> tuple[bytes, ...]: ...

    @property
    def key_kind(self) -> str:
        """``"rsa"`` (PKCS#1 v1.5) or ``"ec"`` (ECDSA on P-256)."""
        ...

    def sign_digest(self, digest: bytes) -> bytes:
        """Raw signature over a SHA-256 digest: PKCS#1 v1.5 block, or DER ``Ecdsa-Sig-Value``."""
        ...


class BatchSigner(Protocol):
    """A key outside this machine's memory, opened for one batch: on a token, or at a provider.

    It takes what is to be signed, not digests: some tokens insist on hashing themselves.
    """

    @property
    def n_at_once(self) -> int:
        """How many documents (two signatures each) are made ready before it is asked; at least 1."""
        ...

    def begin(self, n_messages: int, papers: Sequence[Paper] = ()) -> None:
        """How many messages the batch will bring, told before the first: a provider may authorise them together.

        ``papers`` are what they belong to, in order; only a key at a desk is told, and must be.
        """
        ...

    def sign_messages(self, messages: Sequence[bytes], papers: Sequence[Paper] = ()) -> list[bytes]:
        """Raw SHA-256 signatures in the form of ``Signer.sign_digest``, in order: all of them, or an error of ``errors``."""
        ...

    def close(self) -> None:
        """Log out. Twice is once."""
        ...


@dataclass(frozen=True, slots=True)
class KeyEnvelope:
    """An encrypted private key as it is stored. ``data`` is opaque JSON bytes; ``fingerprint`` is of the certificate."""

    data: bytes
    owner: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ImportedKey:
    """What ``import_pkcs12`` and the test authority hand over for storing."""

    envelope: KeyEnvelope
    chain: tuple[bytes, ...]
    subject: str
    serial: str
    not_before: datetime
    not_after: datetime


def certificate_serial(der: bytes) -> str:
    """Serial number in upper-case hex without leading zeros."""
    return format(x509.load_der_x509_certificate(der).serial_number, "X")


def check_pin(pin: str) -> None:
    """Raise ``errors.Invalid`` when a new PIN is too easy: shorter than eight characters, a plain run, one part said again and again,
    pairs, or a day. A backup holds envelope and server secret: a guess costs a third of a second, and sixty years have 22,000 days."""
    if len(pin) < MIN_PIN:
        raise Invalid(f"Mã PIN phải có ít nhất {MIN_PIN} kí tự.", field="pin")
    folded = pin.casefold()
    run = any(folded in each or folded[::-1] in each for each in _RUNS)
    if run or _REPEATED.fullmatch(folded) or _PAIRS.fullmatch(folded) or len(set(folded)) < 4:
        raise Invalid("Mã PIN quá dễ đoán: đừng dùng dãy liền nhau hay lặp lại.", field="pin")
    if _is_day("".join(char for char in folded if char.isalnum())):
        raise Invalid("Mã PIN quá dễ đoán: đừng dùng ngày tháng, như ngày sinh.", field="pin")


_RUNS = ("01234567890123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl")
_REPEATED = re.compile(r"(.{1,5})\1+")
_PAIRS = re.compile(r"(?:(.)\1)+")


def _is_day(text: str) -> bool:
    """Whether eight digits read as a day of 1900 to 2099 in some order of day, month and year; or six do, and the other two, the same
    digit twice, only fill it up."""
    if len(text) != 8 or not text.isdigit():
        return False
    one, two, three, four = (int(text[at : at + 2]) for at in (0, 2, 4, 6))
    first, last = one * 100 + two, three * 100 + four
    long = ((first, three, four), (first, four, three), (last, two, one), (last, one, two))
    short: list[tuple[int, int, int]] = []
    if text[6] == text[7]:
        short += [(three, two, one), (one, two, three)]
    if text[0] == text[1]:
        short += [(four, three, two), (two, three, four)]
    # 2000 was a leap year: each day of a month that there is in some year is one in it.
    return any(1900 <= year < 2100 and _is_in_calendar(month, day) for year, month, day in long) or any(
        _is_in_calendar(month, day) for _, month, day in short
    )


def _is_in_calendar(month: int, day: int) -> bool:
    try:
        date(2000, month, day)
    except ValueError:
        return False
    return True


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _kek(pin: str, salt: bytes, server_secret: bytes) -> bytes:
    slow = hash_secret_raw(pin.encode("utf-8"), salt, **_ARGON2)
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=_INFO).derive(slow + server_secret)


def _mark(salt: bytes, server_secret: bytes) -> bytes:
    # The secret is 256 random bits: its mark helps nobody to guess it, nor the PIN, which has no part in it.
    return HKDF(algorithm=hashes.SHA256(), length=16, salt=salt, info=_MARK_INFO).derive(server_secret)


def _aad(owner: str, fingerprint: str) -> bytes:
    return json.dumps(["hocbaso", owner, fingerprint], ensure_ascii=False).encode("utf-8")


def seal_key(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, leaf: bytes, owner: str, pin: str, server_secret: bytes
) -> KeyEnvelope:
    """Encrypt ``key`` for storing. ``server_secret`` is at least 32 bytes that are not in the database."""
    check_pin(pin)
    if len(server_secret) < 32:
        raise Invalid("Bí mật của máy chủ quá ngắn để bảo vệ khoá ký.")
    plain = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    fingerprint = certificate_fingerprint(leaf)
    aad = _aad(owner, fingerprint)
    salt, inner, nonce, wrap_nonce = (secrets.token_bytes(size) for size in (16, 32, 12, 12))
    data = {
        "v": 1,
        "salt": _b64(salt),
        "mark": _b64(_mark(salt, server_secret)),
        "wrap_nonce": _b64(wrap_nonce),
        "wrapped": _b64(AESGCM(_kek(pin, salt, server_secret)).encrypt(wrap_nonce, inner, aad)),
        "nonce": _b64(nonce),
        "key": _b64(AESGCM(inner).encrypt(nonce, plain, aad)),
    }
    return KeyEnvelope(json.dumps(data, sort_keys=True).encode("ascii"), owner, fingerprint)


def reseal_key(
    envelope: KeyEnvelope, chain: tuple[bytes, ...], pin: str, new_pin: str, server_secret: bytes
) -> KeyEnvelope:
    """The same key under another PIN. Raises ``errors.NotAllowed`` (wrong PIN), ``errors.Invalid`` (the new one is too easy)."""
    check_pin(new_pin)
    signer = SoftwareKeySigner.from_envelope(envelope, chain, pin, server_secret)
    return seal_key(signer._key, chain[0], envelope.owner, new_pin, server_secret)


def is_sealed_with(data: bytes, server_secret: bytes) -> bool | None:
    """Whether the envelope ``data`` was sealed with this server secret; None when it carries no mark to tell by.

    Raises ``errors.IntegrityFault`` when it is no envelope at all.
    """
    try:
        read = json.loads(data)
        part = {name: base64.b64decode(read[name]) for name in ("salt", "wrap_nonce", "wrapped", "nonce", "key")}
        mark = base64.b64decode(read["mark"]) if "mark" in read else None
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityFault("Khoá ký đã lưu bị hỏng, không mở được bằng mã PIN nào.") from error
    return None if mark is None else hmac.compare_digest(mark, _mark(part["salt"], server_secret))


class SoftwareKeySigner:
    """A key in this process's memory for as long as the object lives."""

    def __init__(self, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, chain: tuple[bytes, ...]) -> None:
        self._key = key
        self.chain = tuple(chain)
        self.key_kind = "rsa" if isinstance(key, rsa.RSAPrivateKey) else "ec"

    @classmethod
    def from_envelope(
        cls, envelope: KeyEnvelope, chain: tuple[bytes, ...], pin: str, server_secret: bytes
    ) -> SoftwareKeySigner:
        """Open a stored key. Raises ``errors.NotAllowed`` on a wrong PIN, server secret, owner or certificate."""
        fingerprint = certificate_fingerprint(chain[0])
        aad = _aad(envelope.owner, fingerprint)
        try:
            data = json.loads(envelope.data)
            part = {name: base64.b64decode(data[name]) for name in ("salt", "wrap_nonce", "wrapped", "nonce", "key")}
            inner = AESGCM(_kek(pin, part["salt"], server_secret)).decrypt(part["wrap_nonce"], part["wrapped"], aad)
            plain = AESGCM(inner).decrypt(part["nonce"], part["key"], aad)
        except (InvalidTag, ValueError, KeyError, TypeError) as error:
            raise NotAllowed(WRONG_PIN) from error
        key = serialization.load_der_private_key(plain, password=None, unsafe_skip_rsa_key_validation=True)
        return cls(key, chain)  # type: ignore[arg-type]

    def sign_digest(self, digest: bytes) -> bytes:
        """See ``Signer``."""
        prehashed = utils.Prehashed(hashes.SHA256())
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(digest, padding.PKCS1v15(), prehashed)
        return self._key.sign(digest, ec.ECDSA(prehashed))


def check_certificate(cert: x509.Certificate, now: datetime) -> None:
    """Raise ``errors.Invalid`` unless the certificate may be registered for signing at ``now`` (aware UTC)."""
    if not cert.not_valid_before_utc <= now <= cert.not_valid_after_utc:
        raise Invalid(
            f"Chứng thư số có hiệu lực từ {cert.not_valid_before_utc:%d/%m/%Y} đến {cert.not_valid_after_utc:%d/%m/%Y}, "
            "không dùng được hôm nay."
        )
    check_key(cert)


def check_key(cert: x509.Certificate) -> None:
    """Raise ``errors.Invalid`` unless key and usage of the certificate are fit for signing (RSA from 2048 bits, P-256)."""
    key = cert.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < 2048:
            raise Invalid("Khoá RSA của chứng thư số ngắn hơn 2048 bit, không đủ an toàn.")
    elif not (isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1"):
        raise Invalid("Chứng thư số dùng loại khoá chưa được hỗ trợ (chỉ nhận RSA và P-256).")
    try:
        usage = cert.extensions.get_extension_for_class(x509.KeyUsage).value
        if not (usage.digital_signature or usage.content_commitment):
            raise Invalid("Chứng thư số này không được cấp để ký.")
    except x509.ExtensionNotFound:
        pass
    try:
        if cert.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            raise Invalid("Đây là chứng thư của nơi cấp, không phải của người ký.")
    except x509.ExtensionNotFound:
        pass


def import_pkcs12(
    data: bytes, password: str, *, owner: str, pin: str, server_secret: bytes, now: datetime
) -> ImportedKey:
    """Take a ``.p12`` file over into an envelope; neither the file nor its password is kept.

    Raises ``errors.Invalid`` for a wrong password or damaged file, a key that is not the certificate's, a certificate outside
    its validity, RSA below 2048 bits, or any other kind of key than RSA and P-256.
    """
    try:
        key, cert, others = pkcs12.load_key_and_certificates(data, password.encode("utf-8"))
    except ValueError as error:
        raise Invalid("Không mở được tệp chứng thư: mật khẩu không đúng hoặc tệp bị hỏng.") from error
    if key is None or cert is None:
        raise Invalid("Tệp chứng thư không có đủ khoá ký và chứng thư.")
    check_certificate(cert, now)
    spki = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*spki) != cert.public_key().public_bytes(*spki):
        raise Invalid("Khoá ký trong tệp không phải của chứng thư đi kèm.")
    chain = order_chain(cert, list(others))
    return imported(key, chain, owner=owner, pin=pin, server_secret=server_secret)  # type: ignore[arg-type]


def imported(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    chain: tuple[bytes, ...],
    *,
    owner: str,
    pin: str,
    server_secret: bytes,
) -> ImportedKey:
    """Envelope and facts of a key whose ``chain`` (DER, leaf first) is known."""
    cert = x509.load_der_x509_certificate(chain[0])
    return ImportedKey(
        envelope=seal_key(key, chain[0], owner, pin, server_secret),
        chain=chain,
        subject=cert.subject.rfc4514_string(),
        serial=format(cert.serial_number, "X"),
        not_before=cert.not_valid_before_utc,
        not_after=cert.not_valid_after_utc,
    )


def order_chain(leaf: x509.Certificate, others: list[x509.Certificate]) -> tuple[bytes, ...]:
    """Leaf, then its issuers as far as ``others`` have them (DER); the root is not part of what is embedded."""
    chain = [leaf]
    while chain[-1].issuer != chain[-1].subject:
        issuer = next((cert for cert in others if cert.subject == chain[-1].issuer), None)
        if issuer is None or issuer in chain or issuer.issuer == issuer.subject:
            break
        chain.append(issuer)
    return tuple(cert.public_bytes(serialization.Encoding.DER) for cert in chain)
