"""What this helper is willing to sign: the signed attributes of a PAdES signature, a SignedInfo, a seal's statement on the key of the
school's server, or a proof of possession.

A key that signs any 32 bytes signs anything. So the whole message comes with its SHA-256, and has to be one of these things, which name this
very certificate or this very school. Which document stands behind a digest cannot be seen here: that the school's server says, in a text
signed by its own key (:mod:`hocbaso_ky.manifest`).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from asn1crypto import cms, tsp

from hocbaso_ky.asking import plain
from hocbaso_ky.refusals import Refused

DIGEST_SIZE = 32
MAX_MESSAGE = 16_384
FORMS = ("pades", "xmldsig", "statement", "proof")
_STATEMENTS = {
    "hocbaso-instance-key-1": {"format", "school_name", "school_code", "key_id", "public_key", "valid_from", "valid_until", "signed_at", "certificates"},
    "hocbaso-instance-key-withdrawal-1": {"format", "school_name", "school_code", "key_id", "withdrawn_at", "reason", "signed_at", "certificates"},
}  # fmt: skip

_DSIG = "http://www.w3.org/2000/09/xmldsig#"
_METHODS = {
    "rsa": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "ec": "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
}
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_NONCE = re.compile(r"[A-Za-z0-9_-]{20,64}")

# asn1crypto knows signing-certificate-v2 only once tsp is loaded.
_KNOWN = tsp.SigningCertificateV2


@dataclass(frozen=True, slots=True)
class Item:
    """One signature that is asked for."""

    form: str
    digest: bytes
    message: bytes


def proof_message(origin: str, nonce: str, fingerprint: str) -> bytes:
    """What proves that the key of a certificate (SHA-256, hex) is here; good for this school and this nonce only."""
    if not _NONCE.fullmatch(nonce):
        raise Refused(422, "shape", "Mã thử thách của trang không đúng dạng.")
    return f"hocbaso-ky proof of possession 1\n{origin}\n{nonce}\n{fingerprint}\n".encode("ascii")


def check_item(item: Item, leaf: bytes, kind: str) -> None:
    """Refuse (422) what is not a digest of SHA-256, not the digest of its message, or no message of a transcript's signature.

    ``leaf`` is the certificate's DER, ``kind`` its key: ``rsa`` or ``ec``.
    """
    if len(item.digest) != DIGEST_SIZE:
        raise Refused(422, "digest", "Giá trị cần ký không phải SHA-256.")
    if len(item.message) > MAX_MESSAGE or hashlib.sha256(item.message).digest() != item.digest:
        raise Refused(422, "digest", "Giá trị cần ký không khớp với nội dung đi kèm.")
    fits = {"pades": _is_pades, "xmldsig": _is_signed_info, "statement": _is_statement}.get(item.form)
    if fits is None or not fits(item.message, leaf, kind):
        raise Refused(422, "form", "Nội dung cần ký không phải chữ ký học bạ của chứng thư này.")


def _is_pades(message: bytes, leaf: bytes, _kind: str) -> bool:
    """Exactly content-type (data), message-digest (32 bytes) and signing-certificate-v2 whose first is this certificate."""
    try:
        attributes = cms.CMSAttributes.load(message, strict=True)
        found = {attribute["type"].native: list(attribute["values"]) for attribute in attributes}
        if len(attributes) != 3 or set(found) != {"content_type", "message_digest", "signing_certificate_v2"}:
            return False
        if any(len(values) != 1 for values in found.values()):
            return False
        first = found["signing_certificate_v2"][0]["certs"][0]
        return (
            found["content_type"][0].native == "data"
            and len(found["message_digest"][0].native) == DIGEST_SIZE
            and first["hash_algorithm"]["algorithm"].native == "sha256"
            and first["cert_hash"].native == hashlib.sha256(leaf).digest()
        )
    except (ValueError, TypeError, KeyError, IndexError):
        return False


def _statement(message: bytes) -> dict[str, Any] | None:
    """A statement's fields, where the message is exactly one: its format's name, then canonical JSON."""
    head, _, body = message.partition(b"\n")
    try:
        told = json.loads(body)
        name = head.decode("ascii")
        same = json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode("utf-8") == body
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or told.get("format") != name or set(told) != _STATEMENTS.get(name) or not same:
        return None
    texts = [value for key, value in told.items() if key != "certificates"]
    return told if all(isinstance(value, str) for value in texts) else None


def _is_statement(message: bytes, leaf: bytes, _kind: str) -> bool:
    told = _statement(message)
    chain = told["certificates"] if told is not None else None
    return isinstance(chain, list) and bool(chain) and chain[0] == base64.b64encode(leaf).decode("ascii")


def statement_facts(message: bytes) -> list[tuple[str, str]]:
    """What a statement says, for the question; this is read from what is signed, not told by the page."""
    told = _statement(message) or {}
    verb = "Thu hồi khoá" if "withdrawn_at" in told else "Xác nhận khoá"
    key = str(told.get("key_id", "?")).upper()
    words = " ".join(key[at : at + 4] for at in range(0, min(len(key), 16), 4))
    until = f", đến {str(told['valid_until'])[:10]}" if "valid_until" in told else ""
    return [(verb, plain(f"{words}, {told.get('school_name', '?')}{until}")[:160])]


def _is_signed_info(message: bytes, _leaf: bytes, kind: str) -> bool:
    if not message.startswith(b"<SignedInfo ") or b"<!" in message or b"<?" in message:
        return False
    try:
        root = ElementTree.fromstring(message.decode("utf-8"))
    except (ElementTree.ParseError, UnicodeDecodeError):
        return False
    method = root.find(f"{{{_DSIG}}}SignatureMethod")
    references = root.findall(f"{{{_DSIG}}}Reference")
    digests = [reference.find(f"{{{_DSIG}}}DigestMethod") for reference in references]
    return (
        root.tag == f"{{{_DSIG}}}SignedInfo"
        and method is not None
        and method.get("Algorithm") == _METHODS[kind]
        and 1 <= len(references) <= 4
        and all(digest is not None and digest.get("Algorithm") == _SHA256 for digest in digests)
    )
