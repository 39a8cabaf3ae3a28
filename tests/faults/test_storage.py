"""A full disk, a read-only file, a busy database: a refusal, nothing half written, and going on without a restart."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pysqlite3 import dbapi2 as bundled
from sqlalchemy import event, func, select, text

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, in_write_transaction, write_transaction
from hocbaso.errors import Unavailable
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit, audit_verify
from hocbaso.services.access import SYSTEM
from tests import cast as cast_module
from tests.cast import NOW, Cast
from tests.conftest import make_app

pytestmark = pytest.mark.sqlite("faults are made by PRAGMAs and a small disk under the file")


def write(size: int) -> None:
    with write_transaction() as session:
        session.add(m.MachineState(key=f"x{size}", value="x"))
        session.flush()
        audit.record(AuditTag.EXPORT_MADE, SYSTEM, NOW, target_kind="x", target_id=size, facts={"much": "x" * size})


def test_a_full_disk_takes_back_the_whole_act_and_room_brings_it_back(school: Cast) -> None:
    before = audit_verify.verify().n_entries
    pages = db.session.execute(text("PRAGMA page_count")).scalar()
    db.session.execute(text(f"PRAGMA max_page_count={pages}"))  # of this connection, which the next write takes again
    with pytest.raises(Unavailable, match="đã đầy"):
        write(3_000_000)
    assert not in_write_transaction()
    db.session.execute(text("PRAGMA max_page_count=1073741823"))
    assert audit_verify.verify().n_entries == before
    assert db.session.get(m.MachineState, "x3000000") is None
    write(3_000_000)
    report = audit_verify.verify()
    assert report.ok and report.n_entries == before + 1


def test_another_process_that_holds_the_file_for_a_while_only_delays_a_save(school: Cast) -> None:
    other = bundled.connect(str(db.engine.url.database), isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(1.5, lambda: other.execute("COMMIT")).start()
    began = time.monotonic()
    write(10)
    assert time.monotonic() - began >= 1
    other.close()
    assert audit_verify.verify().ok


def test_a_file_that_stays_busy_is_a_refusal_and_not_a_hang(school_app: Flask, school: Cast) -> None:
    other = bundled.connect(str(db.engine.url.database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    db.session.execute(text("PRAGMA busy_timeout=300"))
    with pytest.raises(Unavailable, match="đang bận"):
        write(10)
    other.execute("ROLLBACK")
    other.close()
    write(10)
    assert audit_verify.verify().ok


def test_a_read_only_database_is_a_refusal(school: Cast) -> None:
    db.session.execute(text("PRAGMA query_only=ON"))
    with pytest.raises(Unavailable, match="không được phép ghi"):
        write(10)
    db.session.execute(text("PRAGMA query_only=OFF"))
    write(10)
    assert db.session.scalar(select(func.count()).where(m.MachineState.key == "x10")) == 1


# --- the same from a tablet -------------------------------------------------------------------------------------------

BOXES = [
    (student, column)
    for column in ("TX1", "TX2", "TX3", "TX4", "GK", "CK")
    for student in ("Hoàng Thanh Bình", "Nguyễn Bảo Châu", "Trần Khánh Chi", "Đỗ Mạnh Cường", "Đinh Công Thành")
]
Box = tuple[str, str]


def save(client: FlaskClient, school: Cast, box: Box) -> tuple[int, str]:
    """Type 8,5 into an empty box of 9A as the grid does; status and what is read on the screen."""
    address = f"/bang-diem/{school.sheets['9A', 'MATH', 2]}/o/{school.enrollments['9A', box[0]]}/{box[1]}"
    answer = client.post(address, data={"value": "8,5", "version": "0", "op": ""}, headers={"HX-Request": "true"})
    return answer.status_code, answer.get_data(as_text=True)


def save_until_refused(client: FlaskClient, school: Cast, boxes: list[Box]) -> tuple[Box, str]:
    """The first box that was refused and what was said; exactly those before it are kept."""
    for n_saved, box in enumerate(boxes):
        status, said = save(client, school, box)
        if status != 200:
            assert status == 503 and "chưa được ghi" in said
            db.session.remove()
            assert db.session.scalar(select(func.count()).select_from(m.ScoreCell)) == n_saved
            return box, said
    raise AssertionError("nothing was refused")


def on_every_connection(statement: str) -> None:
    db.session.remove()
    db.engine.dispose()
    event.listen(db.engine, "checkout", lambda connection, *_rest: connection.execute(statement))


@pytest.mark.parametrize(
    ("fault", "cure", "words"),
    [
        ("PRAGMA query_only=ON", "PRAGMA query_only=OFF", "không được phép ghi"),
        ("PRAGMA max_page_count=1", "PRAGMA max_page_count=1073741823", "đã đầy"),
        ("PRAGMA busy_timeout=200", "PRAGMA busy_timeout=10000", "đang bận"),
    ],
)
def test_a_teacher_reads_what_is_wrong_and_goes_on_when_it_is_mended(
    school: Cast,
    client_of: Callable[[str], FlaskClient],
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    cure: str,
    words: str,
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    client = client_of("math")
    on_every_connection(fault)
    other = bundled.connect(str(db.engine.url.database), isolation_level=None)
    if "busy" in fault:
        other.execute("BEGIN IMMEDIATE")
    box, said = save_until_refused(client, school, BOXES)
    assert words in said
    assert client.get("/bang-diem/").status_code == 200, "reading goes on"
    other.close()
    on_every_connection(cure)
    assert save(client, school, box)[0] == 200
    assert audit_verify.verify().ok


@pytest.mark.faults
def test_a_file_that_stays_busy_is_refused_after_ten_seconds(
    school: Cast, client_of: Callable[[str], FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    client = client_of("math")
    other = bundled.connect(str(db.engine.url.database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    box, said = save_until_refused(client, school, BOXES)
    assert 9 < time.monotonic() - began < 25 and "đang bận" in said
    other.close()
    assert save(client, school, box)[0] == 200
    assert audit_verify.verify().ok


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of eight megabytes of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)], check=False)
    if mounted.returncode != 0:
        pytest.skip("only root may mount a small disk")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.faults
def test_a_disk_that_is_really_full_refuses_in_words_and_room_brings_the_school_back(
    school_template: tuple[Path, Cast], small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    school = school_template[1]
    shutil.copytree(school_template[0], small_disk / "school")
    app = make_app(small_disk / "school", durable=True)
    client = app.test_client()
    client.post("/dang-nhap", data={"username": school.username("math"), "password": cast_module.PASSWORD})
    ballast = small_disk / "ballast"
    with app.app_context():
        with ballast.open("wb", buffering=0) as handle, pytest.raises(OSError, match="No space"):
            while True:
                handle.write(b"x" * 4096)
        box, said = save_until_refused(client, school, BOXES)
        assert "đã đầy" in said
        assert client.get("/bang-diem/").status_code == 200, "reading goes on"
        ballast.unlink()
        assert save(client, school, box)[0] == 200
        assert audit_verify.verify().ok
        db.session.remove()
        db.engine.dispose()
    with bundled.connect(str(small_disk / "school" / "hocbaso.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.faults
def test_reading_goes_on_while_somebody_writes_for_long(school: Cast, school_app: Flask, tmp_path: Path) -> None:
    holding = threading.Event()
    done = threading.Event()

    def hold() -> None:
        with school_app.app_context(), write_transaction() as session:
            session.add(m.MachineState(key="long", value="x"))
            session.flush()
            holding.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait(10)
    began = time.monotonic()
    for _ in range(50):
        db.session.remove()
        assert db.session.get(m.MachineState, "long") is None
    assert time.monotonic() - began < 2
    done.set()
    thread.join()
