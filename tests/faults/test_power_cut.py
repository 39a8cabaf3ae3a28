"""Power cuts while six people type: what was acknowledged is on the disk, nothing is torn (acceptance row 12)."""

from __future__ import annotations

import random
import shutil
import threading
import time
from pathlib import Path

import pytest
from flask import Flask
from pysqlite3 import dbapi2 as bundled
from sqlalchemy import event

from hocbaso.db import db
from tests.conftest import make_app
from tests.faults.power_cut import losable
from tests.faults.test_kill import check
from tests.faults.typing_process import typists

pytestmark = pytest.mark.sqlite("the disk below SQLite; PostgreSQL proves its own")


def cuts(school_app: Flask, tmp_path: Path, n: int, *, synchronous: str = "FULL") -> list[tuple[Path, list[str]]]:
    """Type on a losable disk and take ``n`` images of it; each with what had been acknowledged by then.

    In every other image nothing unsynced reached the disk; in the rest, each unsynced write did by chance.
    """
    with school_app.app_context():
        db.session.remove()
        db.engine.dispose()
    source = school_app.config["HOCBASO"].instance
    live = tmp_path / "live"
    shutil.copytree(source, live)
    rng, images = random.Random(22), []
    with losable(live) as disk:
        app, stop, told = make_app(live, durable=True), threading.Event(), []
        with app.app_context():
            # Checkpoints come ten times more often than in a school, so that cuts fall into them; but not with every
            # save, because a checkpoint syncs too and would hide a save that did not.
            @event.listens_for(db.engine, "connect")
            def _often(connection: bundled.Connection, _record: object) -> None:
                connection.execute("PRAGMA wal_autocheckpoint=100")
                connection.execute(f"PRAGMA synchronous={synchronous}")

        threads = typists(app, 7, told.append, stop)
        try:
            for number in range(n):
                seen = len(told)
                until = time.monotonic() + 30
                while len(told) < seen + rng.randrange(2, 12) and time.monotonic() < until:
                    time.sleep(rng.random() / 50)
                place = tmp_path / f"cut{number}"
                shutil.copytree(source, place, ignore=shutil.ignore_patterns("hocbaso.sqlite*"))
                acknowledged = list(told)
                disk.cut(place, 0 if number % 2 else rng.random(), rng)
                images.append((place, acknowledged))
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)
            with app.app_context():
                db.session.remove()
                db.engine.dispose()
        assert (len(told) >= 2 * n and disk.n_syncs >= len(told)) or synchronous != "FULL"
    return images


def survive(images: list[tuple[Path, list[str]]]) -> None:
    n_kept = 0
    for place, acknowledged in images:
        n_kept = check(place, [line.split() for line in acknowledged])
        assert n_kept <= len(acknowledged) + 6, "each of six has one save under way at most"
        shutil.rmtree(place)
    print(f"{len(images)} power cuts: {len(images[-1][1])} acknowledged, 0 lost, 0 corrupt, 0 torn")


def test_eight_power_cuts_lose_no_acknowledged_save(school_app: Flask, tmp_path: Path) -> None:
    survive(cuts(school_app, tmp_path, 8))


@pytest.mark.faults
def test_two_hundred_power_cuts_lose_no_acknowledged_save(school_app: Flask, tmp_path: Path) -> None:
    survive(cuts(school_app, tmp_path, 200))


def test_the_disk_really_loses_what_is_not_synced(school_app: Flask, tmp_path: Path) -> None:
    """The same with synchronous=NORMAL, which many recommend: acknowledged saves are gone, so the other tests can fail."""
    lost = 0
    for place, acknowledged in cuts(school_app, tmp_path, 4, synchronous="NORMAL"):
        with bundled.connect(str(place / "hocbaso.sqlite")) as connection:
            kept = {row[0] for row in connection.execute("SELECT op_id FROM score_cell_version")}
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        lost += sum(line.split()[0] not in kept for line in acknowledged)
    assert lost > 0
