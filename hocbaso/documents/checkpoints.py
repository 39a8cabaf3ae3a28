"""A signed checkpoint of the audit log as text: body after C2SP tlog-checkpoint, Ed25519 signature as a C2SP signed note.

Lines of the body: origin, number of entries, Base64 of the Merkle root, then ``head``, ``day``, ``taken``, ``key``, and where the
results and states were exported with it ``data`` (lines, Merkle root, SHA-256 of the file) and ``occasion``, with their values. The
last line carries four bytes that name the key and the signature; files from before that have the signature alone. Whoever keeps such a file outside the school, and the public key from the first day, can later prove whether the
log still begins with exactly the entries it had then .
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import date, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hocbaso.errors import IntegrityFault, Invalid
from hocbaso.regulations.hash_chain import is_hash

ORIGIN = "hocbaso/nhat-ky/v1"
_SEAM = "\n\n— "
_KEY_ID, _SIGNATURE = 4, 64


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint with its signature judged. ``source`` tells people where it was read; ``key`` is what it names."""

    day: date
    n_entries: int
    head_hash: str
    root: str
    taken_at: str
    key: str
    source: str
    signature_ok: bool
    data: tuple[int, str, str] | None = None
    """Lines, root and digest of the export of results and states."""
    occasion: str = ""
    """The deadline it was taken for, in words."""


def public_key_text(key: Ed25519PublicKey) -> str:
    """Base64 of the raw public key."""
    return base64.b64encode(key.public_bytes_raw()).decode()


def body_text(
    day: date,
    n_entries: int,
    head_hash: str,
    root: str,
    taken_at: datetime,
    key: str,
    *,
    data: tuple[int, str, str] | None = None,
    occasion: str = "",
) -> str:
    """What is signed. ``data``: lines, root and digest of the export; ``occasion`` is one line of words."""
    lines = (
        ORIGIN,
        str(n_entries),
        base64.b64encode(bytes.fromhex(root)).decode(),
        f"head {head_hash}",
        f"day {day.isoformat()}",
        f"taken {taken_at.isoformat(timespec='seconds')}",
        f"key {key}",
        *([f"data {data[0]} {data[1]} {data[2]}"] if data else []),
        *([f"occasion {occasion}"] if occasion else []),
        "",
    )
    return "\n".join(lines)


def signature_of(body: str, key: Ed25519PrivateKey) -> str:
    """Base64 of what names the key and of the Ed25519 signature over the body (C2SP signed-note)."""
    return base64.b64encode(_key_id(key.public_key()) + key.sign(body.encode())).decode()


def _key_id(key: Ed25519PublicKey) -> bytes:
    """The first four bytes of SHA-256 over name, line feed, 0x01 (Ed25519) and the raw key."""
    return hashlib.sha256(ORIGIN.encode() + b"\n\x01" + key.public_bytes_raw()).digest()[:4]


def file_text(body: str, signature: str) -> str:
    """The checkpoint as it lies in a file."""
    return f"{body}\n— {ORIGIN} {signature}\n"


def parse(text: str, source: str, trusted_key: str | None) -> Checkpoint:
    """Read a checkpoint. ``trusted_key`` is the Base64 public key it must be signed with (None: nothing is trusted).

    IntegrityFault when the text has not the shape, Invalid when the trusted key is none.
    """
    try:
        body, seam, tail = text.partition(_SEAM)
        if not seam:
            raise ValueError("no signature line")
        body += "\n"
        lines = body.split("\n")
        name, signature_text = tail.strip().split(" ")
        signature = base64.b64decode(signature_text, validate=True)
        facts = dict(line.split(" ", 1) for line in lines[3:] if line)
        n_entries, root = int(lines[1]), base64.b64decode(lines[2], validate=True).hex()
        day, head, taken, key = date.fromisoformat(facts["day"]), facts["head"], facts["taken"], facts["key"]
        data = _data_of(facts.get("data"))
        datetime.fromisoformat(taken)
        # Base64 has several spellings of the same bytes; only the one that we write is a checkpoint.
        exact = file_text(body, base64.b64encode(signature).decode()) == text
        if n_entries < 0 or not is_hash(head) or not is_hash(root) or not exact:
            raise ValueError("not a checkpoint")
    except (ValueError, KeyError, IndexError) as problem:
        raise IntegrityFault(f"Không đọc được ảnh chụp nhật ký {source}.") from problem
    return Checkpoint(
        day,
        n_entries,
        head,
        root,
        taken,
        key,
        source,
        lines[0] == name == ORIGIN and _is_signed(body, signature, trusted_key),
        data,
        facts.get("occasion", ""),
    )


def _data_of(text: str | None) -> tuple[int, str, str] | None:
    if text is None:
        return None
    n_lines, root, digest = text.split(" ")
    if not is_hash(root) or not is_hash(digest):
        raise ValueError("not the hashes of an export")
    return int(n_lines), root, digest


def _is_signed(body: str, signature: bytes, trusted_key: str | None) -> bool:
    if trusted_key is None:
        return False
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(trusted_key, validate=True))
    except (ValueError, binascii.Error) as problem:
        raise Invalid("Khoá công khai của ảnh chụp không đúng dạng (Base64 của 32 byte).") from problem
    if len(signature) == _KEY_ID + _SIGNATURE:
        if signature[:_KEY_ID] != _key_id(public):
            return False
        signature = signature[_KEY_ID:]
    try:
        public.verify(signature, body.encode())
    except InvalidSignature:
        return False
    return True
