"""The audit log's hash chain and its Merkle root: pure functions over canonical bytes.

Domain separation as in RFC 9162 section 2.1: a leaf is ``SHA-256(0x00 || data)``, a node ``SHA-256(0x01 || l || r)``.
A chained row is a leaf whose data carries the hash of the row before it, so that an edit, a deletion, an insertion
or a change of order breaks every later row.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from typing import Any

GENESIS = "0" * 64
"""``prev_hash`` of the first row."""

CHAIN_VERSION = 1


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, no blanks, NFC text and no floats (TypeError): the same value, the same bytes, for ever."""
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else unicodedata.normalize("NFC", value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    raise TypeError(f"not canonical: {type(value).__name__}")


def leaf_hash(data: bytes) -> str:
    """Hex SHA-256 of a leaf."""
    return hashlib.sha256(b"\x00" + data).hexdigest()


def row_hash(*, seq: int, at: str, tag: str, actor_id: int | None, actor_name: str, target_kind: str, target_id: str,
             payload: str, prev_hash: str) -> str:
    """Hash of one audit row. ``at`` is ISO 8601 UTC with microseconds; ``payload`` is already canonical JSON text."""
    head = canonical_json([CHAIN_VERSION, seq, at, tag, actor_id, actor_name, target_kind, target_id, prev_hash])
    return leaf_hash(head.encode() + b"\n" + payload.encode())


def merkle_root(leaves: list[str]) -> str:
    """Root over hex leaf hashes in order (RFC 9162 2.1.1); of nothing: SHA-256 of the empty string."""
    if not leaves:
        return hashlib.sha256(b"").hexdigest()
    level = [bytes.fromhex(leaf) for leaf in leaves]
    while len(level) > 1:
        paired = [hashlib.sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            paired.append(level[-1])
        level = paired
    return level[0].hex()
