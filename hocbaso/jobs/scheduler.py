"""The in-process scheduler: APScheduler wakes us once a minute; the ledger decides what is due.

APScheduler alone loses the nightly job of a server that is switched off at night (its misfire grace is one second and
a job added again at start-up has no past), and runs it once per process: so it only ticks, and ``services/job_ledger``
keeps days, leases and catch-up in the database.
"""

from __future__ import annotations

import logging

from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask

from hocbaso import clock
from hocbaso.services import job_ledger
from hocbaso.services.job_table import JOBS

log = logging.getLogger("hocbaso.jobs")


def start(app: Flask) -> BackgroundScheduler:
    """Start ticking: once now (catch-up after a night switched off), then every minute."""
    scheduler = BackgroundScheduler(timezone=str(clock.SCHOOL_ZONE), daemon=True)
    scheduler.add_job(tick, "interval", seconds=60, args=(app,), id="tick", max_instances=1, coalesce=True,
                      misfire_grace_time=None, next_run_time=clock.now())
    scheduler.start()
    return scheduler


def tick(app: Flask) -> None:
    """Run what is due. Never raises: a failing tick is logged and the next one tries again."""
    with app.app_context():
        try:
            for outcome in job_ledger.catch_up(JOBS, clock.now()):
                log.info("job %s %s: %s (%s)", outcome.job, outcome.day, outcome.state, outcome.outcome)
        except Exception:
            log.exception("tick failed")
