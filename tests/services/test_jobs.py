"""Scheduled work: each due day exactly once and in order, whatever is switched off, crashes or set wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time as stopwatch
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.config import PROJECT_ROOT
from hocbaso.db import db, in_write_transaction, write_transaction
from hocbaso.jobs import scheduler
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit_verify, backups, job_ledger, snapshots, tidy
from hocbaso.services.access import SYSTEM
from hocbaso.services.job_ledger import Job
from hocbaso.services.job_table import JOBS
from tests.cast import NOW, Cast

# 12/05/2027 09:00 in Vietnam is NOW; the job of these tests is due at 06:00 there.


class Record:
    """An effect that remembers when it ran for which day, and fails when told to."""

    def __init__(self) -> None:
        self.days: list[date] = []
        self.fail_on: set[date] = set()

    def job(self, name: str = "count", due: time = time(6, 0)) -> Job:
        return Job(name, "Đếm", due, self.effect)

    def effect(self, day: date, _now: datetime, _prepared: Any) -> str:
        assert in_write_transaction()
        if day in self.fail_on:
            raise OSError("đĩa đầy")
        self.days.append(day)
        return f"ngày {day}"


@pytest.fixture
def record(app: Flask) -> Any:
    with app.app_context():
        yield Record()


def ledger() -> dict[date, m.JobRun]:
    return {row.day: row for row in db.session.scalars(select(m.JobRun).execution_options(populate_existing=True))}


@pytest.mark.parametrize("nights", [1, 3, 30])
def test_a_server_that_was_off_runs_each_due_day_once_in_order_and_marks_the_late_ones(
    record: Record, nights: int
) -> None:
    job = record.job()
    job_ledger.catch_up((job,), NOW)
    back = NOW + timedelta(days=nights)
    outcomes = job_ledger.catch_up((job,), back)
    expected = [NOW.date() + timedelta(days=offset) for offset in range(nights + 1)]
    assert record.days == expected
    assert [outcome.day for outcome in outcomes] == expected[1:]
    assert job_ledger.catch_up((job,), back) == []
    assert job_ledger.catch_up((job,), back + timedelta(hours=5)) == []
    assert record.days == expected
    late = {day for day, row in ledger().items() if row.late}
    assert late == set(expected[1:-1])
    # The instant of the run is the true one, not the one it was due at.
    assert all(row.started_at >= back for day, row in ledger().items() if day in late)


def test_two_jobs_catch_up_day_by_day_in_the_order_of_the_table(record: Record) -> None:
    order: list[tuple[str, date]] = []
    jobs = tuple(
        Job(name, name, due, lambda day, _now, _p, name=name: order.append((name, day)) or "")
        for name, due in (("morning", time(6)), ("noon", time(8)))
    )
    job_ledger.catch_up(jobs, NOW)
    order.clear()
    job_ledger.catch_up(jobs, NOW + timedelta(days=2))
    days = [NOW.date() + timedelta(days=1), NOW.date() + timedelta(days=2)]
    assert order == [(name, day) for day in days for name in ("morning", "noon")]


def test_nothing_is_due_before_its_hour_nor_before_the_first_day(record: Record) -> None:
    job = record.job(due=time(9, 30))
    assert job_ledger.due_days(job, NOW) == []
    assert job_ledger.catch_up((job,), NOW) == []
    assert len(job_ledger.catch_up((job,), NOW + timedelta(minutes=31))) == 1


def test_a_year_switched_off_is_caught_up_for_two_months_only(record: Record) -> None:
    job = record.job()
    job_ledger.catch_up((job,), NOW)
    assert len(job_ledger.catch_up((job,), NOW + timedelta(days=365))) == job_ledger.CATCH_UP_LIMIT + 1


def test_looking_at_the_ledger_writes_nothing(record: Record) -> None:
    assert job_ledger.standing(record.job(), NOW).due == ()
    assert db.session.scalar(select(func.count()).select_from(m.MachineState)) == 0


def test_a_failing_job_is_tried_again_later_and_its_later_days_wait_for_it(record: Record) -> None:
    job = record.job()
    job_ledger.catch_up((job,), NOW)
    bad = NOW.date() + timedelta(days=1)
    record.fail_on = {bad}
    back = NOW + timedelta(days=3)
    (outcome,) = job_ledger.catch_up((job,), back)
    assert (outcome.state, outcome.day) == ("failed", bad) and "đĩa đầy" in outcome.outcome
    assert job_ledger.catch_up((job,), back + timedelta(seconds=20)) == [], "not at every tick"
    assert len(job_ledger.catch_up((job,), back + timedelta(seconds=70))) == 1
    assert ledger()[bad].attempt == 2
    record.fail_on = set()
    assert job_ledger.catch_up((job,), back + timedelta(seconds=80)) == [], "waits twice as long"
    job_ledger.catch_up((job,), back + timedelta(minutes=5))
    assert record.days == [NOW.date() + timedelta(days=offset) for offset in range(4)]
    assert ledger()[bad].state == "done" and ledger()[bad].attempt == 3 and ledger()[bad].late


def test_a_person_may_try_a_failed_job_at_once(record: Record) -> None:
    job, day = record.job(), NOW.date()
    record.fail_on = {day}
    assert job_ledger.run(job, day, NOW).state == "failed"  # type: ignore[union-attr]
    record.fail_on = set()
    assert job_ledger.run(job, day, NOW) is None
    assert job_ledger.run(job, day, NOW, at_once=True).state == "done"  # type: ignore[union-attr]
    assert job_ledger.run(job, day, NOW, at_once=True) is None and job_ledger.is_done(job, day)


def test_a_failed_effect_leaves_nothing_behind(record: Record) -> None:
    def effect(_day: date, _now: datetime, _prepared: Any) -> str:
        db.session.add(m.MachineState(key="half", value="x"))
        db.session.flush()
        raise ValueError("giữa chừng")

    assert job_ledger.run(Job("half", "Nửa", time(6), effect), NOW.date(), NOW).state == "failed"  # type: ignore[union-attr]
    assert db.session.get(m.MachineState, "half") is None


def test_a_process_that_lost_its_lease_cannot_finish(record: Record) -> None:
    """While it prepares, another takes the run over; its effect must not happen."""
    taken: list[object] = []

    def slow(day: date, now: datetime) -> None:
        if not taken:
            taken.append(1)
            other = Job("count", "Đếm", time(6), record.effect)
            assert job_ledger.run(other, day, now + timedelta(minutes=11)).state == "done"  # type: ignore[union-attr]

    job = Job("count", "Đếm", time(6), record.effect, slow)
    assert job_ledger.run(job, NOW.date(), NOW) is None
    assert record.days == [NOW.date()]
    assert ledger()[NOW.date()].attempt == 2


def test_a_crashed_run_is_taken_over_after_its_lease(record: Record) -> None:
    with write_transaction() as session:
        session.add(
            m.JobRun(
                job="count",
                day=NOW.date(),
                state="running",
                owner="đã chết",
                attempt=1,
                started_at=NOW,
                lease_until=NOW + job_ledger.LEASE,
            )
        )
    job = record.job()
    assert job_ledger.run(job, NOW.date(), NOW + timedelta(minutes=9)) is None
    assert job_ledger.run(job, NOW.date(), NOW + timedelta(minutes=11)).state == "done"  # type: ignore[union-attr]


@pytest.mark.parametrize("nights", [3, pytest.param(6, marks=pytest.mark.slow)])
def test_four_processes_that_crash_in_the_middle_have_each_days_effect_exactly_once(
    nights: int, app: Flask, tmp_path: Path
) -> None:
    """Real processes on one SQLite file, each dying with 30 % in the middle of a day, started again until all is done."""
    instance = tmp_path / "instance"
    with app.app_context():
        job_ledger.check_clock(NOW)
        db.session.remove()
        db.engine.dispose()
    present = NOW + timedelta(days=nights)
    environment = {**os.environ, "HOCBASO_TEST_BEGAN": str(stopwatch.time()), "PYTHONPATH": str(PROJECT_ROOT)}
    seed, crashes, running = 0, 0, []

    def start() -> subprocess.Popen[bytes]:
        nonlocal seed
        seed += 1
        # After twenty deaths nobody dies any more, so that the test ends.
        chance = "0.3" if crashes < 20 else "0"
        return subprocess.Popen(
            [sys.executable, "-m", "tests.services.job_worker", str(instance), present.isoformat(), chance, str(seed)],
            env=environment,
            cwd=PROJECT_ROOT,
            stderr=subprocess.PIPE,
        )

    running = [start() for _ in range(4)]
    deadline = stopwatch.monotonic() + 120
    while running and stopwatch.monotonic() < deadline:
        for process in list(running):
            if process.poll() is None:
                continue
            running.remove(process)
            if process.returncode == 9:
                crashes += 1
                running.append(start())
            else:
                assert process.returncode == 0, process.stderr.read().decode()[-2000:]  # type: ignore[union-attr]
        stopwatch.sleep(0.02)
    assert not running, "not done in two minutes"
    with app.app_context():
        effects = sorted(db.session.scalars(select(m.MachineState.key).where(m.MachineState.key.like("effect:%"))))
        expected = [f"effect:{NOW.date() + timedelta(days=offset)}:1" for offset in range(nights + 1)]
        assert effects == expected
        runs = list(db.session.scalars(select(m.JobRun).order_by(m.JobRun.day)))
        assert [run.state for run in runs] == ["done"] * (nights + 1)
        assert crashes >= 1
        finished = [run.finished_at for run in runs]
        assert finished == sorted(finished), "the order of days is kept between processes too"


# --- the clock --------------------------------------------------------------------------------------------------------


def test_a_clock_set_back_stops_daily_work_and_alarms_once(record: Record) -> None:
    job = record.job()
    job_ledger.catch_up((job,), NOW + timedelta(days=1))
    for minutes in (0, 1, 2):
        assert job_ledger.catch_up((job,), NOW - timedelta(hours=1) + timedelta(minutes=minutes)) == []
    assert "lùi lại" in (job_ledger.clock_alarm() or "")
    alarms = db.session.scalar(select(func.count()).where(m.AuditEntry.tag == AuditTag.CLOCK_ALARM.value))
    assert alarms == 1
    job_ledger.catch_up((job,), NOW + timedelta(days=2))
    assert job_ledger.clock_alarm() is None
    assert record.days == [NOW.date() + timedelta(days=1), NOW.date() + timedelta(days=2)]


def test_four_minutes_back_is_no_alarm(record: Record) -> None:
    assert job_ledger.check_clock(NOW) is None
    assert job_ledger.check_clock(NOW - timedelta(minutes=4)) is None
    assert job_ledger.check_clock(NOW - timedelta(minutes=10)) is not None


def test_a_clock_set_two_days_ahead_while_we_run_takes_no_wrong_dated_snapshot(app: Flask) -> None:
    with app.app_context():
        evening = NOW + timedelta(hours=8)
        job_ledger.catch_up(JOBS, evening)
        n = db.session.scalar(select(func.count(m.AuditSnapshot.id)))
        wrong = evening + timedelta(days=2)
        assert job_ledger.catch_up(JOBS, wrong, leapt=timedelta(days=2) - timedelta(seconds=60)) == []
        assert job_ledger.catch_up(JOBS, wrong + timedelta(minutes=1)) == [], "the alarm stays at the next tick"
        assert "nhảy xa" in (job_ledger.clock_alarm() or "")
        assert db.session.scalar(select(func.count(m.AuditSnapshot.id))) == n
        job_ledger.catch_up(JOBS, evening + timedelta(minutes=2))
        assert job_ledger.clock_alarm() is None, "put right again: all goes on by itself"


def test_a_leap_that_is_right_goes_on_when_a_person_says_so(record: Record) -> None:
    job = record.job()
    job_ledger.catch_up((job,), NOW)
    present = NOW + timedelta(days=3)
    assert job_ledger.catch_up((job,), present, leapt=timedelta(days=3)) == []
    job_ledger.accept_clock(SYSTEM, present)
    assert len(job_ledger.catch_up((job,), present + timedelta(minutes=1))) == 3
    assert db.session.scalar(select(func.count()).where(m.AuditEntry.tag == AuditTag.CLOCK_ACCEPTED.value)) == 1


@pytest.mark.parametrize("wrong", [datetime(2000, 1, 1, 8, tzinfo=UTC), datetime(2036, 5, 12, 8, tzinfo=UTC)])
def test_a_wrong_year_at_start_is_an_alarm(record: Record, wrong: datetime) -> None:
    job = record.job()
    job_ledger.catch_up((job,), NOW)
    assert job_ledger.catch_up((job,), wrong) == []
    assert job_ledger.clock_alarm()
    assert record.days == [NOW.date()]


def test_a_machine_with_an_empty_battery_alarms_on_its_first_day_too(record: Record) -> None:
    assert job_ledger.catch_up((record.job(),), datetime(2000, 1, 1, 8, tzinfo=UTC)) == []
    assert record.days == []


def test_the_stopwatch_tells_a_leap_from_time_that_passed() -> None:
    watch = scheduler.Stopwatch()
    assert watch.leapt(NOW) == timedelta(0)
    assert abs(watch.leapt(NOW + timedelta(days=2)) - timedelta(days=2)) < timedelta(seconds=5)
    assert watch.leapt(NOW) < timedelta(days=-1)


# --- the table --------------------------------------------------------------------------------------------------------


def test_the_real_jobs_run_once_a_day_and_the_log_verifies(school: Cast) -> None:
    with write_transaction() as session:
        session.add(m.MachineState(key="jobs_began_on", value=NOW.date().isoformat()))
    evening = NOW + timedelta(hours=8)
    outcomes = job_ledger.catch_up(JOBS, evening)
    assert sorted(outcome.job for outcome in outcomes) == sorted(job.name for job in JOBS)
    assert all(outcome.state == "done" for outcome in outcomes), outcomes
    assert [info.name for info in backups.listing()] == ["hocbaso-2027-05-12-hang-ngay.tar"]
    later = job_ledger.catch_up(JOBS, evening + timedelta(days=2))
    assert len(later) == 2 * len(JOBS) and all(outcome.state == "done" for outcome in later), later
    taken = list(db.session.scalars(select(m.AuditSnapshot).order_by(m.AuditSnapshot.id)))
    assert [(row.day.day, row.taken_late) for row in taken] == [(12, False), (13, True), (14, False)]
    assert len({row.taken_at.date() for row in taken[1:]}) == 1, "a late one does not pretend to be of its day"
    assert audit_verify.verify().ok
    assert len(backups.listing()) == 2, "no archive is made up for a day that has passed"


def test_a_slow_job_does_not_hold_the_write_lock_while_it_prepares(
    school: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, bool] = {}
    real_sign, real_backup = snapshots.sign_present, backups.daily_archive
    monkeypatch.setattr(
        snapshots, "sign_present", lambda *a, **k: (seen.update(sign=in_write_transaction()), real_sign(*a, **k))[1]
    )
    monkeypatch.setattr(
        backups, "daily_archive", lambda *a, **k: (seen.update(backup=in_write_transaction()), real_backup(*a, **k))[1]
    )
    monkeypatch.setattr(
        "hocbaso.services.digest_mail.send", lambda *a, **k: (seen.update(mail=in_write_transaction()), 0)[1]
    )
    job_ledger.check_clock(NOW)
    job_ledger.catch_up(JOBS, NOW + timedelta(hours=8))
    assert seen == {"sign": False, "backup": False, "mail": False}


def test_ended_sessions_are_forgotten_after_a_month(school: Cast) -> None:
    account = school.accounts["math"]
    with write_transaction() as session:
        for index, (ended, expires) in enumerate(((-40, -40), (-10, -10), (None, 1), (None, -31))):
            session.add(
                m.UserSession(
                    token_digest=f"{index:064d}",
                    account_id=account,
                    created_at=NOW,
                    last_seen_at=NOW,
                    expires_at=NOW + timedelta(days=expires),
                    ended_at=NOW + timedelta(days=ended) if ended else None,
                )
            )
        minute = int(NOW.timestamp()) // 60
        session.add_all(
            [
                m.AddressAttempts(address="a", minute=minute, n_failed=1),
                m.AddressAttempts(address="b", minute=minute - 3000, n_failed=1),
            ]
        )
    assert tidy.forget_old(NOW) == 3
    assert sorted(db.session.scalars(select(m.UserSession.token_digest))) == [f"{1:064d}", f"{2:064d}"]


# --- APScheduler ------------------------------------------------------------------------------------------------------


def test_apscheduler_ticks_and_survives_an_exception(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[datetime] = []

    def catch_up(_jobs: object, now: datetime, **_options: object) -> list[object]:
        calls.append(now)
        if len(calls) == 1:
            raise RuntimeError("hỏng một lần")
        return []

    monkeypatch.setattr(job_ledger, "catch_up", catch_up)
    started = scheduler.start(app, interval=0.1)
    try:
        end = stopwatch.monotonic() + 10
        while len(calls) < 3 and stopwatch.monotonic() < end:
            stopwatch.sleep(0.02)
        assert len(calls) >= 3
        assert calls[0].tzinfo is not None and abs(calls[0] - clock.now()) < timedelta(seconds=20)
    finally:
        scheduler.stop(started)
        scheduler.stop(started)
    assert not started.running


def test_the_scheduler_does_not_keep_its_process_alive(tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        import time
        from pathlib import Path
        from tests.conftest import make_app
        from hocbaso.db import db
        from hocbaso.jobs import scheduler
        app = make_app(Path({str(tmp_path / "i")!r}))
        with app.app_context():
            db.create_all()
        scheduler.start(app, interval=0.05)
        time.sleep(0.5)
        print("end", flush=True)
    """)
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd=PROJECT_ROOT, check=False
    )
    assert run.returncode == 0 and run.stdout.strip() == "end", run.stderr[-1500:]
    assert "Traceback" not in run.stderr, run.stderr[-1500:]
