"""The instance's P-256 key and what the school's seal says of it (decision 0017).

The key signs what no person can sit beside: the summary in each QR, and reports on files that somebody checked. It proves nothing by itself: a
statement, signed with the seal's certificate, names its public half, its school and its days. A seal's certificate may not issue
certificates (it is no authority), so the statement is a small signed JSON and not a certificate. A second kind of statement withdraws
a key. Both are public, kept in one list, and each carries its own proof; whoever holds the root checks them without network.

What is signed is a first line that says what it is, then the canonical JSON (sorted, without blanks, UTF-8) of all fields but the signature.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from hocbaso.errors import DomainError, IntegrityFault, Invalid

if TYPE_CHECKING:
    from hocbaso.documents.trust import Trust  # brings pyHanko, which the web process does without

STATEMENT = "hocbaso-instance-key-1"
WITHDRAWAL = "hocbaso-instance-key-withdrawal-1"
KEY_LIST = "hocbaso-key-list-1"
_FIELDS = {
    STATEMENT: {"format", "school_name", "school_code", "key_id", "public_key", "valid_from", "valid_until", "signed_at", "certificates", "signature"},
    WITHDRAWAL: {"format", "school_name", "school_code", "key_id", "withdrawn_at", "reason", "signed_at", "certificates", "signature"},
}  # fmt: skip
_MAX_CHAIN = 4
OTHER_SEAL = "Bản xác nhận khoá không mang con dấu đã biết của {school} mà của một nơi khác cùng tên."
MAX_STATEMENTS = 200


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key that the seal of a school vouches for, now and by the roots at hand. ``withdrawn`` is the sentence of a withdrawal."""

    key_id: str
    public_key: ec.EllipticCurvePublicKey
    school_name: str
    school_code: str
    valid_from: datetime
    valid_until: datetime
    withdrawn: str | None = None


def canonical(value: Any) -> bytes:
    """The one byte form of a JSON value: sorted keys, no blanks, UTF-8, no floats."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")


def spki(key: ec.EllipticCurvePublicKey) -> bytes:
    """DER of a public key."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_id_of(public_der: bytes) -> str:
    """Sixteen hex digits that name a key."""
    return hashlib.sha256(public_der).hexdigest()[:16]


def load_public(der: bytes) -> ec.EllipticCurvePublicKey:
    """A P-256 public key; ``errors.Invalid`` for any other."""
    try:
        key = serialization.load_der_public_key(der)
    except (ValueError, TypeError) as error:
        raise Invalid("Khoá công khai không đọc được.") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1" or spki(key) != der:
        raise Invalid("Khoá công khai không phải loại P-256.")
    return key


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh key."""
    return ec.generate_private_key(ec.SECP256R1())


def key_to_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PKCS#8 PEM, not encrypted: a machine without a person beside it has nothing to open it with. The file is 0600."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def key_from_bytes(data: bytes) -> ec.EllipticCurvePrivateKey:
    """Read back ``key_to_bytes``; ``errors.IntegrityFault`` when the file is none."""
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError) as error:
        raise IntegrityFault("Tệp khoá của máy bị hỏng. Hãy khôi phục từ bản sao lưu.") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise IntegrityFault("Tệp khoá của máy bị hỏng. Hãy khôi phục từ bản sao lưu.")
    return key


# --- signed JSON ------------------------------------------------------------------------------------------------------


def message(document: dict[str, Any]) -> bytes:
    """What is signed of a signed JSON document: its format's name, and every field but the signature."""
    unsigned = {name: value for name, value in document.items() if name != "signature"}
    return f"{document['format']}\n".encode() + canonical(unsigned)


def sign_json(document: dict[str, Any], key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    """``document`` with ``signature``: Base64 of r‖s by the instance's key."""
    algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    r, s = utils.decode_dss_signature(key.sign(message(document), algorithm))
    return {**document, "signature": b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))}


def json_holds(document: dict[str, Any], key: ec.EllipticCurvePublicKey) -> bool:
    """Mathematics only: is this ``sign_json`` by this key?"""
    from hocbaso.documents.qr_summary import holds

    try:
        raw = base64.b64decode(document["signature"], validate=True)
        return len(raw) == 64 and holds(message(document), raw, key)
    except (KeyError, TypeError, ValueError):
        return False


def b64(data: bytes) -> str:
    """Base64 text."""
    return base64.b64encode(data).decode("ascii")


def instant(value: datetime) -> str:
    """``2026-05-12T03:04:05Z``."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_instant(text: Any) -> datetime:
    """Read back ``instant``; ValueError otherwise."""
    value = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    if instant(value) != text:
        raise ValueError(text)
    return value


# --- statements -------------------------------------------------------------------------------------------------------


def statement(
    public_der: bytes,
    school_name: str,
    school_code: str,
    valid_from: datetime,
    valid_until: datetime,
    chain: tuple[bytes, ...],
    at: datetime,
) -> dict[str, Any]:
    """A statement without its signature; the seal signs :func:`message` of it. ``chain`` is the seal's, DER, leaf first."""
    return {
        "format": STATEMENT,
        "school_name": school_name,
        "school_code": school_code,
        "key_id": key_id_of(public_der),
        "public_key": b64(public_der),
        "valid_from": instant(valid_from),
        "valid_until": instant(valid_until),
        "signed_at": instant(at),
        "certificates": [b64(der) for der in chain],
    }


def withdrawal(
    key_id: str,
    school_name: str,
    school_code: str,
    reason: str,
    withdrawn_at: datetime,
    chain: tuple[bytes, ...],
    at: datetime,
) -> dict[str, Any]:
    """A withdrawal without its signature, as :func:`statement`."""
    return {
        "format": WITHDRAWAL,
        "school_name": school_name,
        "school_code": school_code,
        "key_id": key_id,
        "withdrawn_at": instant(withdrawn_at),
        "reason": reason,
        "signed_at": instant(at),
        "certificates": [b64(der) for der in chain],
    }


def check_statement(document: Any, trust: Trust) -> dict[str, Any]:
    """The statement or withdrawal, when the seal of the school it names signed it and is to be believed by ``trust``.

    Raises ``errors.Invalid`` (not one, or not exactly as written) and ``errors.IntegrityFault`` (signature, certificate, school).
    """
    from hocbaso.documents import cms  # brings asn1crypto, which the web process does without
    from hocbaso.documents.certificate_owner import holder_of, why_not_seal

    fault = Invalid("Không đọc được bản xác nhận khoá của trường.")
    try:
        wanted = _FIELDS[document["format"]]
        if set(document) != wanted or not all(isinstance(document[name], str) for name in wanted - {"certificates"}):
            raise fault
        chain = tuple(base64.b64decode(item, validate=True) for item in document["certificates"])
        if not 1 <= len(chain) <= _MAX_CHAIN or [b64(der) for der in chain] != document["certificates"]:
            raise fault
        raw = base64.b64decode(document["signature"], validate=True)
        signed_at = read_instant(document["signed_at"])
        if document["format"] == STATEMENT:
            public_der = base64.b64decode(document["public_key"], validate=True)
            load_public(public_der)
            if key_id_of(public_der) != document["key_id"]:
                raise fault
            read_instant(document["valid_from"]), read_instant(document["valid_until"])
        else:
            read_instant(document["withdrawn_at"])
        key = cms.load_certificate(chain[0]).public_key()
    except DomainError:
        raise
    except Exception as error:  # several parsers, one meaning
        raise fault from error
    if not cms.verify_digest(key, hashlib.sha256(message(document)).digest(), raw):
        raise IntegrityFault("Bản xác nhận khoá đã bị sửa sau khi nhà trường đóng dấu.")
    reasons = [*trust.time_reasons(signed_at), *trust.path_reasons(chain)]
    if reasons:
        raise IntegrityFault(f"Con dấu trên bản xác nhận khoá không tin được: {reasons[0]}")
    if why_not_seal(chain[0], document["school_name"]) is not None:
        name = holder_of(chain[0]).name
        raise IntegrityFault(f"Bản xác nhận khoá mang con dấu của “{name}”, không phải {document['school_name']}.")
    return dict(document)


def require_statements(
    documents: tuple[dict[str, Any], ...], roots: tuple[bytes, ...], crls: tuple[bytes, ...], at: datetime
) -> None:
    """:func:`check_statement` of each, for a worker; ``roots`` and ``crls`` are DER. Raises for the first that is not to be believed."""
    from hocbaso.documents.trust import Trust

    trust = Trust.of(roots, crls, at)
    for document in documents:
        check_statement(document, trust)


def known_keys(documents: Iterable[Any], trust: Trust, own: Iterable[Any] = ()) -> tuple[list[KnownKey], list[str]]:
    """(keys that are vouched for, why the other statements are not believed). A key stated twice is known once.

    Only a withdrawal under the same school's name and code withdraws. ``own`` are statements that came with the roots: their seals are
    the school's. For ``documents``, from anybody, a name is not enough: a seal that is of another organisation than the one already
    known under this name and code neither vouches nor withdraws. Without any, the first that is believed is the one known.
    """
    from hocbaso.documents.certificate_owner import is_same_unit

    found: dict[str, KnownKey] = {}
    withdrawn: dict[tuple[str, str, str], str] = {}
    refused: list[str] = []
    seals: dict[tuple[str, str], list[bytes]] = {}
    first = list(own)
    for document in first:
        # Pinned even when its certificate has run out since: that must not leave the school's name to the next who carries it.
        with contextlib.suppress(Exception):
            name = (document["school_name"], document["school_code"])
            seals.setdefault(name, []).append(base64.b64decode(document["certificates"][0]))
    for document in [*first, *list(documents)[:MAX_STATEMENTS]]:
        try:
            told = check_statement(document, trust)
        except DomainError as error:
            refused.append(error.message)
            continue
        seal = base64.b64decode(told["certificates"][0])
        pinned = seals.setdefault((told["school_name"], told["school_code"]), [])
        if pinned and not any(is_same_unit(seal, one) for one in pinned):
            refused.append(OTHER_SEAL.format(school=told["school_name"]))
            continue
        pinned.append(seal)
        whose = (told["key_id"], told["school_name"], told["school_code"])
        if told["format"] == WITHDRAWAL:
            day = read_instant(told["withdrawn_at"]).strftime("%d/%m/%Y")
            withdrawn[whose] = f"Nhà trường đã thu hồi khoá này ngày {day}: {told['reason']}"
            continue
        key = KnownKey(
            told["key_id"],
            load_public(base64.b64decode(told["public_key"])),
            told["school_name"],
            told["school_code"],
            read_instant(told["valid_from"]),
            read_instant(told["valid_until"]),
        )
        if (told["key_id"] in found) and found[told["key_id"]].school_name != key.school_name:
            refused.append(f"Hai trường cùng nhận một khoá: {found[told['key_id']].school_name} và {key.school_name}.")
            continue
        found[told["key_id"]] = key
    keys = []
    for key in found.values():
        why = withdrawn.get((key.key_id, key.school_name, key.school_code))
        keys.append(
            KnownKey(key.key_id, key.public_key, key.school_name, key.school_code, key.valid_from, key.valid_until, why)
        )
    return keys, list(dict.fromkeys(refused))


def key_list(documents: Iterable[dict[str, Any]]) -> bytes:
    """Statements and withdrawals as one public file."""
    return canonical({"format": KEY_LIST, "documents": list(documents)})


def read_key_list(data: bytes) -> list[Any]:
    """The documents of ``key_list``, not yet believed, or of a single one. Raises ``errors.Invalid``."""
    fault = Invalid("Tệp không phải danh sách khoá của trường.")
    try:
        found = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise fault from error
    if isinstance(found, dict) and found.get("format") in _FIELDS:
        return [found]
    if not isinstance(found, dict) or found.get("format") != KEY_LIST or not isinstance(found.get("documents"), list):
        raise fault
    return list(found["documents"])
