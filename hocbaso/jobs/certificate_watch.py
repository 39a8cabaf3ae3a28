"""Lets the server take up a new certificate by itself, at a moment when nobody works.

granian reads certificate and key when a worker starts and never again; on SIGHUP it starts a fresh worker beside the
old one, waits, and then lets the old one finish (granian/server/common.py, ``_respawn_workers``). So a renewed leaf costs
one signal to our parent, and no request.
"""

from __future__ import annotations

import logging
import os
import signal

from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask

from hocbaso import clock
from hocbaso.services import tls_check, tls_reload

log = logging.getLogger("hocbaso.jobs")


def start(app: Flask, scheduler: BackgroundScheduler, *, interval: float = 60.0) -> None:
    """Remember what the server shows now, and look each minute whether something newer lies on the disk."""
    with app.app_context():
        app.extensions["hocbaso_tls_shown"] = tls_reload.on_disk(app.config["HOCBASO"])
    scheduler.add_job(look, "interval", seconds=interval, args=(app,), id="certificate", max_instances=1, coalesce=True)


def look(app: Flask) -> None:
    """One look. Never raises."""
    try:
        with app.app_context():
            now = clock.now()
            app.extensions["hocbaso_tls_sound"] = tls_check.is_sound(app.config["HOCBASO"], now)
            if tls_reload.is_time(app.config["HOCBASO"], app.extensions["hocbaso_tls_shown"], now):
                log.info("taking up the new certificate")
                os.kill(os.getppid(), signal.SIGHUP)
    except Exception:
        log.exception("could not look at the certificate")
