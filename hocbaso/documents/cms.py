"""The CMS of a signature, written once and read strictly.

``build`` writes DER directly: the certificates go in as the bytes they are, so a signature costs well under a millisecond where
re-encoding through an object model costs thirty. ``read`` accepts only bytes that ``build`` would have written from the same
parts; together with the certificate hashes in the signed attributes no bit of a signature can change unnoticed.

Profile: PAdES baseline (ETSI EN 319 142-1): SHA-256, signed attributes content-type, message-digest and
signing-certificate-v2 (with every certificate of the embedded chain), RSA PKCS#1 v1.5 or ECDSA P-256.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from asn1crypto import cms as asn1_cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from hocbaso.errors import IntegrityFault


def _tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def _set_of(tag: int, parts: list[bytes]) -> bytes:
    return _tlv(tag, *sorted(parts))


_OID_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_OID_DATA = bytes.fromhex("06092a864886f70d010701")
_OID_CONTENT_TYPE = bytes.fromhex("06092a864886f70d010903")
_OID_MESSAGE_DIGEST = bytes.fromhex("06092a864886f70d010904")
_OID_SIGNING_CERTIFICATE_V2 = bytes.fromhex("060b2a864886f70d010910022f")
_OID_TIME_STAMP_TOKEN = bytes.fromhex("060b2a864886f70d010910020e")
_SHA256 = _tlv(0x30, bytes.fromhex("0609608648016503040201"))
_ALGORITHM = {
    "rsa": _tlv(0x30, bytes.fromhex("06092a864886f70d01010b"), b"\x05\x00"),
    "ec": _tlv(0x30, bytes.fromhex("06082a8648ce3d040302")),
}
_ONE = b"\x02\x01\x01"


@functools.lru_cache(maxsize=256)
def _issuer_and_serial(der: bytes) -> bytes:
    cert = asn1_x509.Certificate.load(der)["tbs_certificate"]
    return _tlv(0x30, cert["issuer"].dump(), cert["serial_number"].dump())


@functools.lru_cache(maxsize=256)
def load_certificate(der: bytes) -> x509.Certificate:
    """Parse a certificate once a process."""
    return x509.load_der_x509_certificate(der)


def key_kind(der: bytes) -> str:
    """``"rsa"`` or ``"ec"``; raises ``errors.IntegrityFault`` for any other key."""
    key = load_certificate(der).public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return "rsa"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1":
        return "ec"
    raise IntegrityFault("Chữ ký số dùng loại khoá không được hỗ trợ.")


def signed_attributes(digest: bytes, chain: tuple[bytes, ...]) -> bytes:
    """DER ``SET OF Attribute`` (tag 0x31) that is hashed and signed; ``digest`` is SHA-256 of the document's byte range."""
    certs = [_tlv(0x30, _tlv(0x04, hashlib.sha256(der).digest())) for der in chain]
    return _set_of(
        0x31,
        [
            _tlv(0x30, _OID_CONTENT_TYPE, _tlv(0x31, _OID_DATA)),
            _tlv(0x30, _OID_MESSAGE_DIGEST, _tlv(0x31, _tlv(0x04, digest))),
            _tlv(0x30, _OID_SIGNING_CERTIFICATE_V2, _tlv(0x31, _tlv(0x30, _tlv(0x30, *certs)))),
        ],
    )


def build(digest: bytes, chain: tuple[bytes, ...], signature: bytes, time_stamp_token: bytes | None = None) -> bytes:
    """The detached CMS. ``chain`` is DER, leaf first; ``signature`` is over ``signed_attributes``."""
    algorithm = _ALGORITHM[key_kind(chain[0])]
    attributes = signed_attributes(digest, chain)
    info = [_ONE, _issuer_and_serial(chain[0]), _SHA256, b"\xa0" + attributes[1:], algorithm, _tlv(0x04, signature)]
    if time_stamp_token is not None:
        info.append(_tlv(0xA1, _tlv(0x30, _OID_TIME_STAMP_TOKEN, _tlv(0x31, time_stamp_token))))
    body = _tlv(
        0x30,
        _ONE,
        _tlv(0x31, _SHA256),
        _tlv(0x30, _OID_DATA),
        _set_of(0xA0, list(chain)),
        _tlv(0x31, _tlv(0x30, *info)),
    )
    return _tlv(0x30, _OID_SIGNED_DATA, _tlv(0xA0, body))


def longest(chain: tuple[bytes, ...]) -> int:
    """Bytes that a CMS of this chain needs at most, without a time stamp; a few to spare, so that padding is never nothing.

    Known before the key is used: a room guessed too large is carried by every file for ever, twice, since it is written in hex.
    """
    key = load_certificate(chain[0]).public_key()
    size = key.key_size // 8 if isinstance(key, rsa.RSAPublicKey) else 72
    return len(build(bytes(32), chain, bytes(size))) + 32


def leaf_first(ders: Iterable[bytes]) -> tuple[bytes, ...]:
    """Certificates with the signer's own before those of authorities; those that cannot be read are left out."""
    leaves: list[bytes] = []
    authorities: list[bytes] = []
    for der in ders:
        try:
            constraints = load_certificate(der).extensions.get_extension_for_class(x509.BasicConstraints).value
            (authorities if constraints.ca else leaves).append(der)
        except x509.ExtensionNotFound:
            leaves.append(der)
        except ValueError:
            continue
    return (*leaves, *authorities)


def carried_certificates(der: bytes) -> tuple[bytes, ...]:
    """Certificates of any CMS, however written, the signer's first; empty when there are none. Proves nothing: for words only."""
    try:
        return leaf_first(choice.chosen.dump() for choice in asn1_cms.ContentInfo.load(der)["content"]["certificates"])
    except Exception:  # whatever a damaged structure does to the parser, there is nothing to tell then
        return ()


@dataclass(frozen=True, slots=True)
class CmsParts:
    """A strictly read CMS."""

    digest: bytes
    chain: tuple[bytes, ...]
    signature: bytes
    time_stamp_token: bytes | None


def read(der: bytes) -> CmsParts:
    """Take a CMS apart. Raises ``errors.IntegrityFault`` unless ``build`` would write exactly these bytes."""
    fault = IntegrityFault("Phần chữ ký số trong tệp không ở dạng chuẩn tắc hoặc đã bị sửa.")
    try:
        data = asn1_cms.ContentInfo.load(der, strict=True)["content"]
        certs = [choice.chosen.dump() for choice in data["certificates"]]
        (info,) = data["signer_infos"]
        attributes = {item["type"].native: item["values"] for item in info["signed_attrs"]}
        digest = attributes["message_digest"][0].native
        hashed = [item["cert_hash"].native for item in attributes["signing_certificate_v2"][0]["certs"]]
        by_hash = {hashlib.sha256(cert).digest(): cert for cert in certs}
        chain = tuple(by_hash[value] for value in hashed)
        signature = info["signature"].native
        token = None
        for item in info["unsigned_attrs"] or ():
            token = item["values"][0].dump()
        if not chain or build(digest, chain, signature, token) != der:
            raise fault
    except IntegrityFault:
        raise
    except Exception as error:  # asn1crypto raises many kinds on damaged input; all mean the same here
        raise fault from error
    return CmsParts(digest, chain, signature, token)


def check(parts: CmsParts, digest: bytes) -> bool:
    """Does the signature hold over this document digest, by the leaf's own key? Says nothing about trust."""
    if parts.digest != digest:
        return False
    key = load_certificate(parts.chain[0]).public_key()
    return verify_digest(key, hashlib.sha256(signed_attributes(digest, parts.chain)).digest(), parts.signature)


_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group of P-256 (FIPS 186-4, D.1.2.3)."""


def lower(chain: tuple[bytes, ...], signature: bytes) -> bytes:
    """The one of a signature's two forms that is embedded: (r, s) and (r, n - s) sign the same, and anybody makes one of the other.

    ``signature`` is raw, as ``Signer.sign_digest`` gives it; RSA has one form. Raises ``errors.IntegrityFault`` when it is none.
    """
    if key_kind(chain[0]) != "ec":
        return signature
    try:
        r, s = utils.decode_dss_signature(signature)
    except ValueError as error:
        raise IntegrityFault("Giá trị chữ ký không hợp lệ.") from error
    return utils.encode_dss_signature(r, min(s, _ORDER - s)) if s < _ORDER else signature


def is_twin(chain: tuple[bytes, ...], signature: bytes) -> bool:
    """Whether a signature is the form that ``lower`` never gives."""
    return lower(chain, signature) != signature


def verify_digest(key: object, digest: bytes, signature: bytes) -> bool:
    """Check a raw signature over a SHA-256 digest as ``Signer.sign_digest`` makes it."""
    prehashed = utils.Prehashed(hashes.SHA256())
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, digest, padding.PKCS1v15(), prehashed)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, digest, ec.ECDSA(prehashed))
        else:
            return False
    except InvalidSignature:
        return False
    return True
