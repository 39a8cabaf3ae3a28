"""kill -9 in the middle of saving: what was acknowledged is there, nothing is half there (acceptance row 11)."""

from __future__ import annotations

import contextlib
import random
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from flask import Flask
from pysqlite3 import dbapi2 as bundled

from hocbaso.config import PROJECT_ROOT
from hocbaso.db import db
from hocbaso.services import audit_verify
from tests import cast
from tests.conftest import make_app


def kill_while_typing(instance: Path, seed: int, n_acknowledged: int) -> list[list[str]]:
    """Start the typing process, kill it after so many acknowledgements; the acknowledgements."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.typing_process", str(instance), str(seed)],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    guard = threading.Timer(60, process.kill)
    guard.start()
    lines: list[bytes] = []
    try:
        assert process.stdout is not None and process.stderr is not None
        for line in process.stdout:
            lines.append(line)
            if len(lines) == n_acknowledged:
                process.kill()
        process.wait(30)
        assert len(lines) >= n_acknowledged, process.stderr.read().decode()[-1500:]
    finally:
        guard.cancel()
        process.kill()
        process.wait()
    return [line.decode().split() for line in lines if line.endswith(b"\n")]


def check(instance: Path, acknowledged: list[list[str]]) -> int:
    """Integrity, no acknowledged save lost, version = history for every cell, the log whole. Returns the versions there."""
    with contextlib.closing(bundled.connect(str(instance / "hocbaso.sqlite"))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        kept = dict(connection.execute("SELECT op_id, version FROM score_cell_version WHERE op_id IS NOT NULL"))
        lost = [line for line in acknowledged if kept.get(line[0]) != int(line[2])]
        assert lost == []
        odd = connection.execute(
            "SELECT c.id, c.version, count(v.id), max(v.version) FROM score_cell c LEFT JOIN score_cell_version v "
            "ON v.score_cell_id = c.id GROUP BY c.id HAVING c.version <> count(v.id) OR c.version <> max(v.version)"
        ).fetchall()
        assert odd == []
    app = make_app(instance, durable=True)
    with app.app_context():
        report = audit_verify.verify()
        assert report.faults == [], [fault.message for fault in report.faults]
        db.session.remove()
        db.engine.dispose()
    return len(kept)


def rounds(school_app: Flask, tmp_path: Path, n: int) -> None:
    with school_app.app_context():
        db.session.remove()
        db.engine.dispose()
    instance = tmp_path / "killed"
    shutil.copytree(school_app.config["HOCBASO"].instance, instance)
    rng = random.Random(22)
    acknowledged: list[list[str]] = []
    for seed in range(n):
        acknowledged += kill_while_typing(instance, seed, rng.randrange(5, 90))
        n_kept = check(instance, acknowledged)
        assert len(acknowledged) <= n_kept <= len(acknowledged) + 6 * (seed + 1), (
            "a thread has one save under way at most"
        )
    print(
        f"{n} kills: {len(acknowledged)} acknowledged, 0 lost, {n_kept - len(acknowledged)} kept without acknowledgement"
    )


def test_five_kills_lose_no_acknowledged_save(
    school_app: Flask, school_template: tuple[Path, cast.Cast], tmp_path: Path
) -> None:
    rounds(school_app, tmp_path, 5)


@pytest.mark.faults
def test_a_hundred_kills_lose_no_acknowledged_save(school_app: Flask, tmp_path: Path) -> None:
    rounds(school_app, tmp_path, 100)
