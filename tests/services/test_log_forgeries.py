"""A forger with the whole machine against one who kept a checkpoint: random forgeries before and after it (``make test-fuzz``: 1,000).

The forger has the program, makes every hash right again where that helps, and there is no snapshot on the machine to give him
away. What touches an entry before the checkpoint is always found. Of what came later, all that leaves a present value other than the
log tells is found; an entry that changed no value (somebody signed in) can be taken away after the last checkpoint, which is why
they are taken daily and carried elsewhere.
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from hocbaso.documents import checkpoints
from hocbaso.documents.log_file import verify as verify_file
from hocbaso.services import audit_verify, score_entry, snapshots
from hocbaso.services.watched_kinds import WATCHED
from tests.cast import NOW, Cast
from tests.services.test_audit_verify import (
    Row,
    chained,
    delete,
    delete_and_renumber,
    edit,
    edit_and_rehash,
    insert,
    read_log,
    reorder,
    rewrite_from,
    truncate,
    write_log,
)

FORGERIES = (edit, edit_and_rehash, delete, delete_and_renumber, insert, reorder, rewrite_from, truncate)
OF_THE_CHAIN = {"gap", "row", "chain", "truncated", "rewritten"}


def type_scores(school: Cast, columns: tuple[str, ...], version: int = 0) -> None:
    for number, (name, enrollment) in enumerate(school.enrollments.items()):
        if name[0] == "9A":
            for column in columns:
                score_entry.save_cell(
                    school.actor("math"), school.sheets["9A", "MATH", 2], enrollment, column,
                    f"{4 + number % 6}", expected_version=version, op_id=None, now=NOW,
                )  # fmt: skip


def told(rows: list[Row]) -> dict[tuple[str, str], dict[str, Any]]:
    """What a log says of every watched row, as the check replays it; what can't be read says nothing."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        try:
            states = json.loads(str(row["payload"])).get("state", {})
        except (ValueError, AttributeError):
            continue
        for kind, told_rows in states.items():
            for row_id, values in told_rows.items():
                if kind in WATCHED:
                    found[kind, row_id] = {**found.get((kind, row_id), {}), **values}
    return found


@pytest.mark.parametrize("n", [16, pytest.param(1000, marks=pytest.mark.fuzz)])
def test_forgeries_before_the_last_outside_checkpoint_and_after(school: Cast, n: int) -> None:
    type_scores(school, ("TX1", "TX2"))
    signed = snapshots.sign_present(NOW)  # carried out of the house: nothing of it is on the machine
    outside = checkpoints.parse(
        checkpoints.file_text(signed.body, signed.signature), "ngoài trường", snapshots.public_key()
    )
    type_scores(school, ("GK",))
    type_scores(school, ("TX1",), version=1)
    good = read_log()
    truth = told(good)
    rng = random.Random(22)
    found_early = found_late = silent = 0
    for _ in range(n):
        late, remade = rng.random() < 0.5, rng.random() < 0.5
        while True:
            forge = rng.choice(FORGERIES)
            forged, first_bad = forge([dict(row) for row in good], rng)
            if remade:
                forged, first_bad = chained(forged), set()
            first = next((at for at, row in enumerate(good) if at >= len(forged) or forged[at] != row), len(good))
            if late == (first >= outside.n_entries):
                break
        write_log(forged)
        report = audit_verify.verify(against=[outside])
        assert verify_file(forged, [outside]).ok == (not [f for f in report.faults if f.kind in OF_THE_CHAIN])
        chain = [fault for fault in report.faults if fault.kind in OF_THE_CHAIN]
        if not late:
            assert chain, (forge.__name__, remade, first)
            assert first_bad == set() or chain[0].seq in first_bad, (forge.__name__, first_bad, chain[0])
            found_early += 1
        elif told(forged) != truth:
            assert not report.ok, (forge.__name__, remade, first)
            found_late += 1
        elif report.ok:
            silent += 1
    write_log(good)
    assert audit_verify.verify(against=[outside]).ok
    assert found_early > n / 4 and found_late > n / 8
    print(f"{n} forgeries: {found_early} before the checkpoint and {found_late} after it, all found; {silent} silent")
