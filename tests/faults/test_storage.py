"""A full disk, a read-only file, a busy database: a refusal, nothing half written, and going on without a restart."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from flask import Flask
from pysqlite3 import dbapi2 as bundled
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from hocbaso import models as m
from hocbaso.db import db, in_write_transaction, write_transaction
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit, audit_verify
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, Cast


def write(size: int) -> None:
    with write_transaction() as session:
        session.add(m.MachineState(key=f"x{size}", value="x"))
        session.flush()
        audit.record(AuditTag.EXPORT_MADE, SYSTEM, NOW, target_kind="x", target_id=size, facts={"much": "x" * size})


def test_a_full_disk_takes_back_the_whole_act_and_room_brings_it_back(school: Cast) -> None:
    before = audit_verify.verify().n_entries
    pages = db.session.execute(text("PRAGMA page_count")).scalar()
    db.session.execute(text(f"PRAGMA max_page_count={pages}"))  # of this connection, which the next write takes again
    with pytest.raises(OperationalError, match="full"):
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
    with pytest.raises(OperationalError, match="locked"):
        write(10)
    other.execute("ROLLBACK")
    other.close()
    write(10)
    assert audit_verify.verify().ok


def test_a_read_only_database_is_a_refusal(school: Cast) -> None:
    db.session.execute(text("PRAGMA query_only=ON"))
    with pytest.raises(OperationalError, match="readonly"):
        write(10)
    db.session.execute(text("PRAGMA query_only=OFF"))
    write(10)
    assert db.session.scalar(select(func.count()).where(m.MachineState.key == "x10")) == 1


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
