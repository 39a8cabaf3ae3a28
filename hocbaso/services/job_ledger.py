"""The ledger of scheduled work: each job and day once, whatever crashes and however many processes look at it.

The effect of a job and the mark ``done`` are one transaction, guarded by owner and attempt (a fencing token), so a
process that lost its lease can't finish what another has taken over.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit
from hocbaso.services.access import SYSTEM

LEASE = timedelta(minutes=10)
CATCH_UP_LIMIT = 60
"""Days looked back at most: a server that slept for a year need not take 365 snapshots."""

CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Job:
    """A daily job. ``effect(day, now)`` runs inside the finishing transaction and returns a line for the ledger.

    ``prepare(day, now)`` does slow work before, outside any transaction; it must be safe to repeat.
    """

    name: str
    title: str
    due_at: time
    effect: Callable[[date, datetime], str]
    prepare: Callable[[date, datetime], None] | None = None


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


class LeaseLost(Exception):
    """Another process took the run over."""


def owner_name() -> str:
    """Names this thread of this process in the ledger."""
    return f"{socket.gethostname()[:30]}:{os.getpid()}:{threading.get_ident() % 100000}"


def due_days(job: Job, now: datetime) -> list[date]:
    """Days on which the job was due and is not done, oldest first, up to now."""
    today = clock.local_date(now)
    last_due = today if clock.local(now).time() >= job.due_at else today - timedelta(days=1)
    began = _began_on(now)
    done = set(db.session.scalars(select(m.JobRun.day).where(m.JobRun.job == job.name, m.JobRun.state == "done")))
    first = max(began, last_due - timedelta(days=CATCH_UP_LIMIT))
    days = [first + timedelta(days=offset) for offset in range((last_due - first).days + 1)]
    return [day for day in days if day not in done]


def standing(job: Job, now: datetime) -> JobStanding:
    """The job's last run and what it owes."""
    last = db.session.scalar(select(m.JobRun).where(m.JobRun.job == job.name).order_by(m.JobRun.day.desc()).limit(1))
    return JobStanding(job.name, job.title, f"{job.due_at:%H:%M}", last.day.isoformat() if last else None,
                       last.state if last else None, last.outcome if last else None, last.late if last else False,
                       tuple(day.isoformat() for day in due_days(job, now)))


def _began_on(now: datetime) -> date:
    row = db.session.get(m.MachineState, "jobs_began_on")
    if row is None:
        with write_transaction() as session:
            row = m.MachineState(key="jobs_began_on", value=clock.local_date(now).isoformat())
            session.merge(row)
    return date.fromisoformat(row.value)


def check_clock(now: datetime) -> str | None:
    """Compare with the newest instant ever seen. A clock that went back more than five minutes is an alarm in words."""
    with write_transaction() as session:
        row = session.get(m.MachineState, "last_seen_at")
        seen = datetime.fromisoformat(row.value) if row else None
        if seen is not None and now < seen - CLOCK_TOLERANCE:
            alarm = (f"Đồng hồ máy chủ lùi từ {clock.local(seen):%H:%M %d/%m/%Y} về "
                     f"{clock.local(now):%H:%M %d/%m/%Y}. Việc theo ngày tạm dừng cho đến khi giờ đúng trở lại.")
            known = session.get(m.MachineState, "clock_alarm")
            if known is None or known.value != alarm[:300]:
                session.merge(m.MachineState(key="clock_alarm", value=alarm[:300]))
                audit.record(AuditTag.CLOCK_ALARM, SYSTEM, now, target_kind="machine", target_id="clock", note=alarm)
            return alarm
        session.merge(m.MachineState(key="last_seen_at", value=now.isoformat()))
        cleared = session.get(m.MachineState, "clock_alarm")
        if cleared is not None:
            session.delete(cleared)
    return None


def run(job: Job, day: date, now: datetime) -> RunOutcome | None:
    """Claim, run and finish one job for one day; None when another process has it or it is done."""
    me = owner_name()
    attempt = _claim(job, day, me, now)
    if attempt is None:
        return None
    try:
        if job.prepare is not None:
            job.prepare(day, now)
        with write_transaction() as session:
            row = session.get(m.JobRun, (job.name, day), populate_existing=True)
            if row is None or (row.owner, row.attempt, row.state) != (me, attempt, "running"):
                raise LeaseLost(job.name)
            outcome = job.effect(day, now)
            row.state, row.finished_at, row.outcome = "done", now, outcome[:1000]
            session.flush()
        return RunOutcome(job.name, day, "done", outcome)
    except LeaseLost:
        return None
    except Exception as problem:  # the next tick tries again; the ledger says what happened
        db.session.rollback()
        with write_transaction() as session:
            row = session.get(m.JobRun, (job.name, day), populate_existing=True)
            if row is not None and (row.owner, row.attempt) == (me, attempt):
                row.state, row.finished_at, row.outcome = "failed", now, f"{type(problem).__name__}: {problem}"[:1000]
        return RunOutcome(job.name, day, "failed", f"{type(problem).__name__}: {problem}")


def _claim(job: Job, day: date, me: str, now: datetime) -> int | None:
    with write_transaction() as session:
        row = session.get(m.JobRun, (job.name, day), populate_existing=True, with_for_update=True)
        if row is None:
            late = day < clock.local_date(now)
            session.add(m.JobRun(job=job.name, day=day, state="running", owner=me, attempt=1, started_at=now,
                                 lease_until=now + LEASE, late=late))
            session.flush()
            return 1
        if row.state == "done" or (row.state == "running" and row.lease_until > now):
            return None
        row.state, row.owner, row.attempt = "running", me, row.attempt + 1
        row.started_at, row.lease_until = now, now + LEASE
        session.flush()
        return row.attempt


def catch_up(jobs: tuple[Job, ...], now: datetime) -> list[RunOutcome]:
    """Run everything that is due and not done, day by day, in the order of the table."""
    if check_clock(now) is not None:
        return []
    due = sorted(((day, position) for position, job in enumerate(jobs) for day in due_days(job, now)))
    outcomes = [run(jobs[position], day, now) for day, position in due]
    return [outcome for outcome in outcomes if outcome is not None]
