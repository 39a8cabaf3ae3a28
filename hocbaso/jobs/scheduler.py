"""The in-process scheduler: APScheduler wakes us once a minute; the ledger decides what is due.

APScheduler alone loses the nightly job of a server that is switched off at night (its misfire grace is one second and
a job added again at start-up has no past), and runs it once per process: so it only ticks, and ``services/job_ledger``
keeps days, leases and catch-up in the database.
"""

from __future__ import annotations

import atexit
import logging
import time
from datetime import datetime, timedelta

from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask

from hocbaso import clock
from hocbaso.services import job_ledger
from hocbaso.services.job_table import JOBS

log = logging.getLogger("hocbaso.jobs")

INTERVAL_SECONDS = 60


class Stopwatch:
    """How far the wall clock ran ahead of the time that really passed, from one look to the next.

    The machine's own stopwatch goes on through suspend (CLOCK_BOOTTIME) and can't be set by anybody.
    """

    def __init__(self) -> None:
        self._last: tuple[datetime, float] | None = None

    def leapt(self, now: datetime) -> timedelta:
        """Zero at the first look; negative for a clock set back."""
        passed = time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
        last, self._last = self._last, (now, passed)
        return timedelta(0) if last is None else (now - last[0]) - timedelta(seconds=passed - last[1])


def start(app: Flask, *, interval: float = INTERVAL_SECONDS) -> BackgroundScheduler:
    """Start ticking: once now (catch-up after a night switched off), then every minute. Ends with the process."""
    scheduler = BackgroundScheduler(timezone=str(clock.SCHOOL_ZONE), daemon=True)
    # One job needs no pool, and a pool's threads are closed before our exit handler is called: a tick due just then
    # would end in a traceback. The "debug" executor runs it on the scheduler's own thread.
    scheduler.add_executor(DebugExecutor())
    scheduler.add_job(
        tick,
        "interval",
        seconds=interval,
        args=(app, Stopwatch()),
        id="tick",
        max_instances=1,
        coalesce=True,
        misfire_grace_time=None,
        next_run_time=clock.now(),
    )
    scheduler.start()
    atexit.register(stop, scheduler)
    return scheduler


def stop(scheduler: BackgroundScheduler) -> None:
    """Take no new tick; one that runs is finished first. Twice is once."""
    if scheduler.running:
        scheduler.shutdown(wait=False)
    atexit.unregister(stop)


def tick(app: Flask, stopwatch: Stopwatch | None = None) -> None:
    """Run what is due. Never raises: a failing tick is logged and the next one tries again."""
    try:
        with app.app_context():
            now = clock.now()
            leapt = stopwatch.leapt(now) if stopwatch is not None else timedelta(0)
            for outcome in job_ledger.catch_up(JOBS, now, leapt=leapt):
                log.info("job %s %s: %s (%s)", outcome.job, outcome.day, outcome.state, outcome.outcome)
    except Exception:
        log.exception("tick failed")
