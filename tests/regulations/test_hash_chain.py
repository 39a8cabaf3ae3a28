"""The chain and the Merkle root against an independent, slow reading of RFC 9162."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocbaso.regulations.hash_chain import (
    GENESIS,
    ChainReader,
    MerkleFrontier,
    canonical_json,
    leaf_hash,
    merkle_root,
    row_hash,
)


def rfc_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162 2.1.1, word for word: split at the largest power of two below n."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + rfc_root(leaves[:k]) + rfc_root(leaves[k:])).digest()


def leaf(number: int) -> str:
    return leaf_hash(str(number).encode())


@pytest.mark.parametrize("size", [*range(34), 63, 64, 65, 100, 255, 257])
def test_the_root_is_that_of_the_rfc(size: int) -> None:
    leaves = [leaf(i) for i in range(size)]
    assert merkle_root(leaves) == rfc_root([bytes.fromhex(item) for item in leaves]).hex()


def test_a_growing_tree_tells_the_root_of_every_size() -> None:
    tree = MerkleFrontier()
    leaves: list[str] = []
    for number in range(130):
        assert tree.root() == merkle_root(leaves)
        leaves.append(leaf(number))
        tree.append(leaves[-1])
    assert tree.n_leaves == 130


def test_a_known_answer_for_ever() -> None:
    """A change of the hash's definition would make every stored log wrong: these bytes are a promise."""
    written = row_hash(
        seq=1,
        at="2027-05-12T02:00:00.000000+00:00",
        tag="score:cell:changed",
        actor_id=7,
        actor_name="Trịnh Thu Hà",
        target_kind="score_cell",
        target_id="12",
        payload='{"a":1}',
        prev_hash=GENESIS,
    )
    head = (
        '[1,1,"2027-05-12T02:00:00.000000+00:00","score:cell:changed",7,"Trịnh Thu Hà","score_cell","12","'
        + "0" * 64
        + '"]'
    )
    assert written == hashlib.sha256(b"\x00" + head.encode() + b'\n{"a":1}').hexdigest()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=15,
)


@given(json_values)
def test_canonical_json_reads_back_to_the_same_bytes(value: object) -> None:
    once = canonical_json(value)
    assert canonical_json(json.loads(once)) == once


def test_canonical_json_is_blind_to_order_and_composition() -> None:
    assert canonical_json({"b": 1, "a": "é"}) == canonical_json({"a": "é", "b": 1}) == '{"a":"é","b":1}'
    assert canonical_json({"ệ": 1}) == canonical_json({"ệ": 1})


@pytest.mark.parametrize("value", [1.5, {"a": [0.1]}, float("nan"), b"bytes", object()])
def test_canonical_json_refuses_what_has_no_one_form(value: object) -> None:
    with pytest.raises(TypeError):
        canonical_json(value)


def rows(n: int) -> list[dict[str, object]]:
    made: list[dict[str, object]] = []
    prev = GENESIS
    for seq in range(1, n + 1):
        row: dict[str, object] = {
            "seq": seq,
            "at": f"t{seq}",
            "tag": "x:y:z",
            "actor_id": None,
            "actor_name": "Hệ thống",
            "target_kind": "k",
            "target_id": str(seq),
            "payload": "{}",
            "prev_hash": prev,
        }
        prev = row_hash(**row)  # type: ignore[arg-type]
        made.append({**row, "hash": prev})
    return made


def faults_of(log: list[dict[str, object]]) -> list[tuple[int, str]]:
    reader = ChainReader()
    return [(fault.seq, fault.kind) for row in log for fault in reader.read(**row)]  # type: ignore[arg-type]


def test_a_good_log_has_no_fault_and_one_edit_is_one_fault() -> None:
    log = rows(9)
    assert faults_of(log) == []
    log[4]["payload"] = '{"a":1}'
    assert faults_of(log) == [(5, "row")]


def test_an_edit_with_its_hash_made_new_shows_at_the_next_row() -> None:
    log = rows(9)
    log[4]["payload"] = '{"a":1}'
    log[4]["hash"] = row_hash(**{key: value for key, value in log[4].items() if key != "hash"})  # type: ignore[arg-type]
    assert faults_of(log) == [(6, "chain")]


def test_a_deleted_row_is_a_gap() -> None:
    log = rows(9)
    del log[3]
    assert faults_of(log)[0] == (5, "gap")


@pytest.mark.parametrize("value", [None, 1.5, b"\xff", "\ud800", 12])
@pytest.mark.parametrize("column", ["at", "payload", "actor_name", "prev_hash", "hash", "target_id"])
def test_hostile_types_are_faults_and_no_crash(column: str, value: object) -> None:
    log = rows(3)
    log[1][column] = value
    assert (2, "row") in faults_of(log)
