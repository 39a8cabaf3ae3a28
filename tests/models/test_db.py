"""The one way to write, the column types, and what the database itself refuses."""

from __future__ import annotations

import threading
import time
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, StatementError

from hocbaso import models as m
from hocbaso.db import FairLock, db, in_write_transaction, write_transaction
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit
from hocbaso.services.access import SYSTEM
from tests.cast import NOW, Cast
from tests.conftest import make_app


def keep(key: str) -> None:
    db.session.add(m.MachineState(key=key, value="x"))


def kept() -> list[str]:
    db.session.remove()
    return list(db.session.scalars(select(m.MachineState.key).order_by(m.MachineState.key)))


def test_a_transaction_is_kept_at_its_end_and_not_before(app: Flask) -> None:
    with app.app_context():
        with write_transaction():
            assert in_write_transaction()
            keep("a")
        assert not in_write_transaction() and kept() == ["a"]


def test_an_exception_takes_everything_back_and_frees_the_lock(app: Flask) -> None:
    with app.app_context():
        with pytest.raises(KeyboardInterrupt), write_transaction() as session:
            keep("a")
            session.flush()
            raise KeyboardInterrupt
        assert not in_write_transaction()
        with write_transaction():
            keep("b")
        assert kept() == ["b"]


def test_an_inner_transaction_joins_the_outer_one(app: Flask) -> None:
    with app.app_context():
        with pytest.raises(ValueError), write_transaction():
            with write_transaction():
                keep("inner")
            assert in_write_transaction(), "the end of the inner one keeps nothing yet"
            raise ValueError
        assert kept() == []


def test_a_change_outside_is_refused(app: Flask) -> None:
    with app.app_context():
        keep("a")
        with pytest.raises(RuntimeError, match="outside write_transaction"):
            db.session.flush()
        db.session.rollback()
        assert kept() == []


def test_an_audit_entry_outside_is_refused(app: Flask) -> None:
    with app.app_context(), pytest.raises(RuntimeError):
        audit.record(AuditTag.EXPORT_MADE, SYSTEM, NOW, target_kind="x", target_id=1)


def test_what_a_page_reads_is_one_state_while_others_write(app: Flask) -> None:
    """Two queries of one page never show the school before and after somebody's act."""
    with app.app_context():
        assert list(db.session.scalars(select(m.MachineState.key))) == []

        def other() -> None:
            with app.app_context(), write_transaction():
                keep("other")

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert list(db.session.scalars(select(m.MachineState.key))) == []
        assert kept() == ["other"]


def test_a_transaction_reads_what_others_kept_before_it(app: Flask) -> None:
    """Also when the session read an older state before: no write on a stale snapshot (SQLITE_BUSY_SNAPSHOT)."""
    with app.app_context():
        assert list(db.session.scalars(select(m.MachineState))) == []

        def other() -> None:
            with app.app_context(), write_transaction():
                keep("other")

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        with write_transaction() as session:
            assert session.get(m.MachineState, "other") is not None
            keep("mine")
        assert kept() == ["mine", "other"]


def test_forty_threads_count_to_the_right_number(app: Flask) -> None:
    with app.app_context(), write_transaction():
        db.session.add(m.MachineState(key="n", value="0"))

    def add_ten() -> None:
        with app.app_context():
            for _ in range(10):
                with write_transaction() as session:
                    row = session.get(m.MachineState, "n", populate_existing=True)
                    assert row is not None
                    row.value = str(int(row.value) + 1)
            db.session.remove()

    threads = [threading.Thread(target=add_ten) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with app.app_context():
        assert db.session.scalar(select(m.MachineState.value)) == "400"


def test_the_lock_is_given_in_the_order_of_asking() -> None:
    lock, order = FairLock(), []
    assert lock.acquire()
    threads = []
    for number in range(12):

        def wait(number: int = number) -> None:
            assert lock.acquire(10)
            order.append(number)
            lock.release()

        threads.append(threading.Thread(target=wait))
        threads[-1].start()
        while len(lock._waiting) <= number:
            time.sleep(0.001)
    lock.release()
    for thread in threads:
        thread.join(10)
    assert order == list(range(12))


def test_who_gave_up_waiting_does_not_stand_in_the_way() -> None:
    lock = FairLock()
    assert lock.acquire()
    began = time.monotonic()
    assert not lock.acquire(0.05)
    assert time.monotonic() - began < 2
    lock.release()
    assert lock.acquire(0.05)
    lock.release()


@pytest.mark.sqlite("PRAGMAs")
def test_connections_run_with_wal_full_and_foreign_keys(tmp_path: Path) -> None:
    with make_app(tmp_path / "school", durable=True).app_context():

        def pragma(name: str) -> Any:
            return db.session.execute(text(f"PRAGMA {name}")).scalar()

        assert pragma("journal_mode") == "wal"
        assert pragma("synchronous") == 2
        assert (pragma("foreign_keys"), pragma("trusted_schema"), pragma("cell_size_check")) == (1, 0, 1)
        assert pragma("busy_timeout") == 10000
        version = str(db.session.execute(text("SELECT sqlite_version()")).scalar())
        assert tuple(int(part) for part in version.split(".")) >= (3, 51, 3), "the bundled library, not the system's"


# --- columns ----------------------------------------------------------------------------------------------------------


def cell(school: Cast, **values: Any) -> m.ScoreCell:
    base = {
        "score_sheet_id": school.sheets["9A", "MATH", 1],
        "enrollment_id": school.enrollments["9A", "Đinh Công Thành"],
        "column_key": "GK",
        "origin": "entered",
        "updated_at": NOW,
    }
    return m.ScoreCell(**(base | values))


@pytest.mark.parametrize("value", [8.5, 85.0, Decimal("8.5"), True, "85", 101, -1])
def test_a_score_that_is_no_whole_number_of_tenths_never_reaches_the_table(school: Cast, value: Any) -> None:
    with pytest.raises((StatementError, TypeError, ValueError)), write_transaction() as session:
        session.add(cell(school, tenths=value))
        session.flush()
    assert db.session.scalar(select(m.ScoreCell.id)) is None


def test_an_instant_needs_its_zone_and_comes_back_in_utc(app: Flask) -> None:
    with app.app_context():
        local = datetime(2027, 5, 12, 9, 0, 0, 123456, tzinfo=timezone(timedelta(hours=7)))
        values = {"day": date(2027, 5, 12), "state": "done", "owner": "x", "lease_until": NOW}
        with pytest.raises(StatementError), write_transaction() as session:
            session.add(m.JobRun(job="naive", started_at=datetime(2027, 5, 12, 9), **values))
            session.flush()
        with write_transaction() as session:
            session.add(m.JobRun(job="aware", started_at=local, **values))
        db.session.remove()
        read = db.session.scalar(select(m.JobRun.started_at))
        assert read == local and read.tzinfo == UTC


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE score_sheet SET state = 'SIGNED'",
        "UPDATE score_sheet SET semester = 3",
        "UPDATE class_group SET state = 'DONE'",
        "UPDATE school_year SET state = 'HALF'",
        "UPDATE enrollment SET student_id = 999999",
        "INSERT INTO score_cell (score_sheet_id, enrollment_id, column_key, tenths, origin, version, updated_at) SELECT s.id, e.id,"
        " 'GK', 101, 'entered', 1, '2027-05-12' FROM score_sheet s, enrollment e LIMIT 1",
        "INSERT INTO score_cell (score_sheet_id, enrollment_id, column_key, mark, origin, version, updated_at) SELECT s.id, e.id,"
        " 'GK', 'T', 'entered', 1, '2027-05-12' FROM score_sheet s, enrollment e LIMIT 1",
        "INSERT INTO score_cell (score_sheet_id, enrollment_id, column_key, tenths, mark, origin, version, updated_at) SELECT s.id,"
        " e.id, 'GK', 80, 'Đ', 'entered', 1, '2027-05-12' FROM score_sheet s, enrollment e LIMIT 1",
        "INSERT INTO score_cell (score_sheet_id, enrollment_id, column_key, tenths, origin, version, updated_at) SELECT s.id, e.id,"
        " 'TX9', 80, 'entered', 1, '2027-05-12' FROM score_sheet s, enrollment e LIMIT 1",
        "INSERT INTO score_cell (score_sheet_id, enrollment_id, column_key, tenths, origin, version, updated_at) SELECT s.id, e.id,"
        " 'GK', 80, 'missed_excused', 1, '2027-05-12' FROM score_sheet s, enrollment e LIMIT 1",
        "INSERT INTO score_cell (score_sheet_id, enrollment_id, column_key, tenths, origin, version, updated_at) SELECT s.id, e.id,"
        " 'GK', 80, 'missed_unexcused', 1, '2027-05-12' FROM score_sheet s, enrollment e LIMIT 1",
        "INSERT INTO job_run (job, day, state, owner, attempt, lease_until, started_at, late) VALUES ('x', '2027-05-12', 'odd', 'x',"
        " 1, '2027-05-12', '2027-05-12', FALSE)",
    ],
)
def test_the_database_itself_refuses(school: Cast, statement: str) -> None:
    with pytest.raises(IntegrityError), write_transaction() as session:
        session.execute(text(statement))


def test_the_same_cell_cannot_stand_twice(school: Cast) -> None:
    with pytest.raises(IntegrityError), write_transaction() as session:
        session.add_all([cell(school, tenths=80), cell(school, tenths=81)])
        session.flush()
