"""``flask demo simulate``: a small school through its year, and the judge, who must not overlook what is put wrong afterwards."""

from __future__ import annotations

import sqlite3
from datetime import date
from pathlib import Path

import pytest

from hocbaso.cli.simulation import judgement, run
from hocbaso.cli.simulation.ledger import Ledger
from hocbaso.cli.simulation.world import World

pytestmark = [pytest.mark.slow, pytest.mark.sqlite("the simulated school is a folder of its own with SQLite")]


def broken(world: World, ledger: Ledger) -> str:
    """The promises that the judge finds broken, in his words."""
    return "; ".join(one.words for one in judgement.judge(world, ledger, [], 0, 9) if not one.kept)


def test_a_year_of_four_classes_keeps_its_promises_and_the_judge_sees_each_breach(tmp_path: Path) -> None:
    days: list[date] = []
    report = run.simulate(4, 2, 7, days.append, tmp_path / "nam")
    assert report.kept, "\n".join(line for one in report.promises for line in one.lines())
    assert len(report.promises) == 10 and (days[0], days[-1]) == (date(2026, 9, 5), date(2027, 5, 31))
    world, ledger = report.world, report.ledger
    assert ledger.n_acknowledged > 800 and broken(world, ledger) == ""
    for statement, promise in (
        ("DELETE FROM notice WHERE id = (SELECT min(id) FROM notice WHERE kind = 'reminder')", "mỗi lời nhắc đúng một lần"),
        ("DELETE FROM job_run WHERE job = 'audit_snapshot' AND day = '2027-03-04'", "việc định kì"),
        ("UPDATE transcript_signature SET signed_at = '2027-06-02 03:00:00' WHERE role = 'seal'", "phát hành đúng hạn"),
        ("UPDATE score_cell SET tenths = tenths - 1 WHERE id = (SELECT max(id) FROM score_cell WHERE tenths > 50)", "không mất số"),
        ("DELETE FROM transcript_signature WHERE id = (SELECT max(id) FROM transcript_signature)", "đúng ba chữ ký"),
    ):  # fmt: skip
        assert promise not in broken(world, ledger)
        database = sqlite3.connect(world.settings.database_file)
        with database:
            assert database.execute(statement).rowcount > 0
        database.close()
        assert promise in broken(world, ledger), statement
    assert "nhật ký nguyên vẹn" in broken(world, ledger), "the chain's own verifier sees the values that were changed"
