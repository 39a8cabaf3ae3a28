"""The ledger of scheduled work: each job and day once, whatever crashes and however many processes look at it.

The effect of a job and the mark ``done`` are one transaction, guarded by owner and attempt (a fencing token), so a
process that lost its lease can't finish what another has taken over.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time as stopwatch
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.errors import DomainError
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit
from hocbaso.services.access import SYSTEM, Actor

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)
CATCH_UP_LIMIT = 60
"""Days looked back at most: a server that slept for a year need not take 365 snapshots."""

CLOCK_TOLERANCE = timedelta(minutes=5)
LONGEST_SLEEP = timedelta(days=400)
"""A longer gap since the last tick is a wrong year, not a holiday."""

LONGEST_LEAP = timedelta(days=1)
"""A wall clock that runs ahead of the machine's own stopwatch by more than this was set wrong while we were running."""

NEVER_BEFORE = datetime(2025, 9, 1, tzinfo=UTC)
"""Before this program existed: what a machine with an empty battery believes."""

RETRY_FIRST, RETRY_LONGEST = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Job:
    """A daily job. ``effect(day, now, prepared)`` runs inside the finishing transaction and returns a line for the ledger.

    ``prepare(day, now)`` does slow work before, outside any transaction; it must be safe to repeat. What it returns is
    handed to the effect.
    """

    name: str
    title: str
    due_at: time
    effect: Callable[[date, datetime, Any], str]
    prepare: Callable[[date, datetime], Any] | None = None


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What became of one job and day."""

    job: str
    day: date
    state: str
    outcome: str


@dataclass(frozen=True, slots=True)
class JobStanding:
    """Where a job stands: its last run and the days (ISO) it still owes."""

    name: str
    title: str
    due_at: str
    last_day: str | None
    last_state: str | None
    outcome: str | None
    late: bool
    due: tuple[str, ...]
    is_done_today: bool
    """Nothing is left to run by hand before tomorrow."""


class LeaseLost(Exception):
    """Another process took the run over."""


def owner_name() -> str:
    """Names this thread of this process in the ledger."""
    return f"{socket.gethostname()[:30]}:{os.getpid()}:{threading.get_ident() % 100000}"


def due_days(job: Job, now: datetime) -> list[date]:
    """Days on which the job was due and is not done, oldest first, up to now. Nothing before the first tick ever."""
    row = db.session.get(m.MachineState, "jobs_began_on", populate_existing=True)
    if row is None:
        return []
    today = clock.local_date(now)
    last_due = today if clock.local(now).time() >= job.due_at else today - timedelta(days=1)
    first = max(date.fromisoformat(row.value), last_due - timedelta(days=CATCH_UP_LIMIT))
    done = set(db.session.scalars(select(m.JobRun.day).where(m.JobRun.job == job.name, m.JobRun.state == "done")))
    days = [first + timedelta(days=offset) for offset in range((last_due - first).days + 1)]
    return [day for day in days if day not in done]


def last_in_time(job: str, before: date) -> date | None:
    """The newest day before another on which a job was done on its own day; None when there is none."""
    found: date | None = db.session.scalar(
        select(func.max(m.JobRun.day)).where(
            m.JobRun.job == job, m.JobRun.state == "done", m.JobRun.late.is_(False), m.JobRun.day < before
        )
    )
    return found


def standing(job: Job, now: datetime) -> JobStanding:
    """The job's last run and what it owes. Writes nothing."""
    last = db.session.scalar(
        select(m.JobRun)
        .where(m.JobRun.job == job.name)
        .order_by(m.JobRun.day.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )
    return JobStanding(
        job.name,
        job.title,
        f"{job.due_at:%H:%M}",
        last.day.isoformat() if last else None,
        last.state if last else None,
        last.outcome if last else None,
        last.late if last else False,
        tuple(day.isoformat() for day in due_days(job, now)),
        is_done(job, clock.local_date(now)),
    )


# --- the clock --------------------------------------------------------------------------------------------------------


def check_clock(now: datetime, *, leapt: timedelta = timedelta(0)) -> str | None:
    """Compare with the newest instant ever seen; an alarm in words when daily work must wait, else None.

    Alarms: before the program existed; back by more than five minutes; ahead by more than ``LONGEST_SLEEP``; ``leapt``
    (how far the wall clock ran ahead of the machine's stopwatch since the last tick of this process) over a day. An
    alarm for the future stays until the clock is back or a person says that it is right (:func:`accept_clock`).
    """
    with write_transaction() as session:
        seen = _instant("last_seen_at")
        held = _instant("clock_ahead_at")
        words = f"Đồng hồ máy chủ chỉ {clock.local(now):%H:%M %d/%m/%Y}"
        wait = "Việc theo ngày tạm dừng cho đến khi giờ đúng trở lại."
        if now < NEVER_BEFORE:
            return _alarm(now, f"{words}, trước khi phần mềm này ra đời. {wait}")
        if seen is not None and now < seen - CLOCK_TOLERANCE:
            return _alarm(
                now,
                f"{words}, lùi lại so với {clock.local(seen):%H:%M %d/%m/%Y}. {wait} Nếu giờ này đúng: "
                "flask jobs accept-clock",
            )
        is_ahead = leapt > LONGEST_LEAP or (seen is not None and now - seen > LONGEST_SLEEP)
        if is_ahead or (held is not None and now >= held - CLOCK_TOLERANCE):
            if held is None:
                session.merge(m.MachineState(key="clock_ahead_at", value=now.isoformat()))
            last = f"{clock.local(seen):%H:%M %d/%m/%Y}" if seen else "chưa có"
            return _alarm(
                now, f"{words}, nhảy xa so với lần trước ({last}). {wait} Nếu giờ này đúng: flask jobs accept-clock"
            )
        session.merge(m.MachineState(key="last_seen_at", value=now.isoformat()))
        if session.get(m.MachineState, "jobs_began_on") is None:
            session.add(m.MachineState(key="jobs_began_on", value=clock.local_date(now).isoformat()))
        _forget("clock_alarm", "clock_ahead_at")
    return None


def accept_clock(actor: Actor, now: datetime) -> None:
    """A person has looked at the clock: it is right now. Daily work goes on from here."""
    with write_transaction() as session:
        before = _instant("last_seen_at")
        session.merge(m.MachineState(key="last_seen_at", value=now.isoformat()))
        _forget("clock_alarm", "clock_ahead_at")
        audit.record(
            AuditTag.CLOCK_ACCEPTED,
            actor,
            now,
            target_kind="machine",
            target_id="clock",
            note=f"Đã xác nhận giờ máy chủ đúng: {clock.local(now):%H:%M %d/%m/%Y}.",
            before={"last_seen_at": before},
        )


def clock_alarm() -> str | None:
    """The alarm that stands, in words."""
    row = db.session.get(m.MachineState, "clock_alarm", populate_existing=True)
    return row.value if row else None


def _instant(key: str) -> datetime | None:
    row = db.session.get(m.MachineState, key, populate_existing=True)
    return datetime.fromisoformat(row.value) if row else None


def _forget(*keys: str) -> None:
    for key in keys:
        row = db.session.get(m.MachineState, key)
        if row is not None:
            db.session.delete(row)


def _alarm(now: datetime, alarm: str) -> str:
    """Keep the alarm; the log hears of it once, not at each tick."""
    if db.session.get(m.MachineState, "clock_alarm") is None:
        audit.record(AuditTag.CLOCK_ALARM, SYSTEM, now, target_kind="machine", target_id="clock", note=alarm)
    db.session.merge(m.MachineState(key="clock_alarm", value=alarm[:300]))
    return alarm


# --- running ----------------------------------------------------------------------------------------------------------


def run(job: Job, day: date, now: datetime, *, at_once: bool = False) -> RunOutcome | None:
    """Claim, run and finish one job for one day; None when another process has it, it is done, or (unless ``at_once``)
    it failed a moment ago and waits for its next try."""
    me = owner_name()
    attempt = _claim(job, day, me, now, at_once)
    if attempt is None:
        return None
    began = stopwatch.monotonic()
    try:
        prepared = job.prepare(day, now) if job.prepare is not None else None
        with write_transaction() as session:
            row = session.get(m.JobRun, (job.name, day), populate_existing=True)
            if row is None or (row.owner, row.attempt, row.state) != (me, attempt, "running"):
                raise LeaseLost(job.name)
            outcome = job.effect(day, now, prepared)
            finished = now + timedelta(seconds=stopwatch.monotonic() - began)
            row.state, row.finished_at, row.outcome = "done", finished, outcome[:1000]
            session.flush()
        return RunOutcome(job.name, day, "done", outcome)
    except LeaseLost:
        return None
    except Exception as problem:  # a later tick tries again; the ledger says what happened
        db.session.rollback()
        words = str(problem) if isinstance(problem, DomainError) else f"{type(problem).__name__}: {problem}"
        if not isinstance(problem, DomainError):
            log.exception("job %s %s", job.name, day)
        with write_transaction() as session:
            row = session.get(m.JobRun, (job.name, day), populate_existing=True)
            if row is not None and (row.owner, row.attempt, row.state) == (me, attempt, "running"):
                pause = min(RETRY_FIRST * 2 ** min(attempt - 1, 10), RETRY_LONGEST)
                row.state, row.finished_at, row.outcome, row.lease_until = "failed", now, words[:1000], now + pause
        return RunOutcome(job.name, day, "failed", words)


def _claim(job: Job, day: date, me: str, now: datetime, at_once: bool) -> int | None:
    late = day < clock.local_date(now)
    try:
        with write_transaction() as session:
            row = session.get(m.JobRun, (job.name, day), populate_existing=True, with_for_update=True)
            if row is None:
                session.add(
                    m.JobRun(
                        job=job.name,
                        day=day,
                        state="running",
                        owner=me,
                        attempt=1,
                        started_at=now,
                        lease_until=now + LEASE,
                        late=late,
                    )
                )
                session.flush()
                return 1
            is_held = row.lease_until > now and not (at_once and row.state == "failed")
            if row.state == "done" or is_held:
                return None
            row.state, row.owner, row.attempt = "running", me, row.attempt + 1
            row.started_at, row.lease_until, row.late = now, now + LEASE, row.late or late
            session.flush()
            return row.attempt
    except IntegrityError:  # PostgreSQL: another process inserted the row between our look and our insert
        return None


def is_done(job: Job, day: date) -> bool:
    """Whether the ledger has this job's day as done."""
    return db.session.scalar(select(m.JobRun.state).where(m.JobRun.job == job.name, m.JobRun.day == day)) == "done"


def catch_up(jobs: tuple[Job, ...], now: datetime, *, leapt: timedelta = timedelta(0)) -> list[RunOutcome]:
    """Run everything that is due and not done, day by day, in the order of the table.

    A job whose day failed, or is held by another process, keeps its later days waiting: the order of days is kept.
    """
    if check_clock(now, leapt=leapt) is not None:
        return []
    began = stopwatch.monotonic()
    due = sorted(((day, position) for position, job in enumerate(jobs) for day in due_days(job, now)))
    outcomes = []
    waiting: set[int] = set()
    for day, position in due:
        if position in waiting:
            continue
        # Leases count from the true present: a month of catching up may take longer than one of them.
        present = now + timedelta(seconds=stopwatch.monotonic() - began)
        outcome = run(jobs[position], day, present)
        if outcome is not None:
            outcomes.append(outcome)
        if (outcome is None and not is_done(jobs[position], day)) or (outcome is not None and outcome.state != "done"):
            waiting.add(position)
    return outcomes
