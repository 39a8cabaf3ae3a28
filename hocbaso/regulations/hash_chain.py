"""The audit log's hash chain and its Merkle root: pure functions over canonical bytes.

Domain separation as in RFC 9162 section 2.1: a leaf is ``SHA-256(0x00 || data)``, a node ``SHA-256(0x01 || l || r)``.
A chained row is a leaf whose data carries the hash of the row before it, so that an edit, a deletion, an insertion
or a change of order breaks every later row.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

GENESIS = "0" * 64
"""``prev_hash`` of the first row."""

CHAIN_VERSION = 1

_HEX = re.compile(r"[0-9a-f]{64}\Z")
# One encoder for all calls: json.dumps with options builds a new one each time, a third of the cost of a row.
_ENCODE = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, no blanks, NFC text and no floats (TypeError): the same value, the same bytes, for ever."""
    return _ENCODE(_plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else unicodedata.normalize("NFC", value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, dict):
        return {_plain(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    raise TypeError(f"not canonical: {type(value).__name__}")


def leaf_hash(data: bytes) -> str:
    """Hex SHA-256 of a leaf."""
    return hashlib.sha256(b"\x00" + data).hexdigest()


def row_hash(
    *,
    seq: int,
    at: str,
    tag: str,
    actor_id: int | None,
    actor_name: str,
    target_kind: str,
    target_id: str,
    payload: str,
    prev_hash: str,
) -> str:
    """Hash of one audit row. ``at`` is ISO 8601 UTC with microseconds; ``payload`` is already canonical JSON text."""
    head = canonical_json([CHAIN_VERSION, seq, at, tag, actor_id, actor_name, target_kind, target_id, prev_hash])
    return leaf_hash(head.encode() + b"\n" + payload.encode())


def is_hash(text: object) -> bool:
    """Whether a value is the hex form of a SHA-256, as every hash of the log is."""
    return isinstance(text, str) and _HEX.match(text) is not None


@dataclass(frozen=True, slots=True)
class RowFault:
    """What is wrong with one row: ``kind`` is ``gap``, ``chain`` or ``row``; ``message`` a Vietnamese sentence."""

    seq: int
    kind: str
    message: str


class ChainReader:
    """Reads the rows of a log in the order of ``seq`` and says of each whether it stands where and as it was written.

    The stored hash of a broken row is taken over as it is, so that one edited row is one fault and not a fault in
    every row after it.
    """

    def __init__(self) -> None:
        self.n_rows = 0
        self.head = GENESIS
        self._seq = 0

    def read(
        self,
        *,
        seq: int,
        at: str,
        tag: str,
        actor_id: int | None,
        actor_name: str,
        target_kind: str,
        target_id: str,
        payload: str,
        prev_hash: str,
        hash: str,
    ) -> Iterator[RowFault]:
        """The faults of the next row; none for a good one. Takes any values a hostile table may hold."""
        if seq != self._seq + 1:
            yield RowFault(
                seq, "gap", f"Nhật ký nhảy từ dòng {self._seq} sang dòng {seq}: có dòng đã bị xoá hoặc chèn."
            )
        elif prev_hash != self.head:
            yield RowFault(seq, "chain", f"Dòng {seq} không nối với dòng {seq - 1}: một trong hai dòng đã bị thay.")
        try:
            computed = row_hash(
                seq=seq,
                at=at,
                tag=tag,
                actor_id=actor_id,
                actor_name=actor_name,
                target_kind=target_kind,
                target_id=target_id,
                payload=payload,
                prev_hash=prev_hash,
            )
        except (TypeError, ValueError, AttributeError):  # a number or bytes where text was, a lone surrogate
            computed = ""
        if computed != hash:
            yield RowFault(seq, "row", f"Dòng {seq} ({tag}) đã bị sửa: mã băm không còn khớp nội dung.")
        self.n_rows += 1
        self._seq, self.head = seq, hash


class MerkleFrontier:
    """A Merkle tree that grows leaf by leaf and tells its root at any size (RFC 9162 2.1.1) in O(log n).

    One pass over a long log so answers the roots of all its checkpoints.
    """

    def __init__(self) -> None:
        self.n_leaves = 0
        self._peaks: list[tuple[int, bytes]] = []

    def append(self, leaf: str) -> None:
        """One more hex leaf hash (ValueError for anything else)."""
        height, node = 0, bytes.fromhex(leaf)
        while self._peaks and self._peaks[-1][0] == height:
            node = hashlib.sha256(b"\x01" + self._peaks.pop()[1] + node).digest()
            height += 1
        self._peaks.append((height, node))
        self.n_leaves += 1

    def root(self) -> str:
        """Hex root of the leaves so far; of none: SHA-256 of the empty string."""
        if not self._peaks:
            return hashlib.sha256(b"").hexdigest()
        node = self._peaks[-1][1]
        for _height, peak in reversed(self._peaks[:-1]):
            node = hashlib.sha256(b"\x01" + peak + node).digest()
        return node.hex()


def merkle_root(leaves: list[str]) -> str:
    """Root over hex leaf hashes in order."""
    tree = MerkleFrontier()
    for leaf in leaves:
        tree.append(leaf)
    return tree.root()
