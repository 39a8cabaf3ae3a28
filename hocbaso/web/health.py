"""``/healthz`` for a supervisor, ``/metrics`` for a collector, ``/may-chu`` for the IT officer."""

from __future__ import annotations

import hmac
import os
import re
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import datetime

from flask import Blueprint, Flask, Response, abort, current_app, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from hocbaso import clock
from hocbaso.errors import DomainError
from hocbaso.regulations.permissions import Permission
from hocbaso.services import audit_verify, backups, health, job_ledger, snapshots
from hocbaso.services.job_table import JOBS
from hocbaso.web.security import current_actor, public, requires

bp = Blueprint("health", __name__)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class RequestTimes:
    """Counts and latency buckets of requests since the process started."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: Counter[tuple[str, int]] = Counter()
        self._buckets: Counter[float] = Counter()
        self._seconds = 0.0

    def add(self, method: str, status: int, seconds: float) -> None:
        """One more answer."""
        method = method if method in _METHODS else "OTHER"  # a client may send any word as a method
        with self._lock:
            self._answers[method, status] += 1
            self._seconds += seconds
            for limit in _SECONDS:
                if seconds <= limit:
                    self._buckets[limit] += 1

    def text(self) -> str:
        """Prometheus text format 0.0.4."""
        with self._lock:
            lines = ["# TYPE hocbaso_requests_total counter"]
            lines += [
                f'hocbaso_requests_total{{method="{method}",status="{status}"}} {count}'
                for (method, status), count in sorted(self._answers.items())
            ]
            total = sum(self._answers.values())
            lines.append("# TYPE hocbaso_request_seconds histogram")
            lines += [f'hocbaso_request_seconds_bucket{{le="{limit}"}} {self._buckets[limit]}' for limit in _SECONDS]
            lines += [
                f'hocbaso_request_seconds_bucket{{le="+Inf"}} {total}',
                f"hocbaso_request_seconds_sum {self._seconds:.6f}",
                f"hocbaso_request_seconds_count {total}",
            ]
        return "\n".join(lines) + "\n"


@bp.get("/healthz")
@public
def healthz() -> Response:
    """200 ``ok`` only when the database answers and migrations are current."""
    try:
        ready = health.is_ready()
    except Exception:
        ready = False
    return Response("ok\n" if ready else "not ready\n", status=200 if ready else 503, mimetype="text/plain")


@bp.get("/metrics")
@public
def metrics() -> Response:
    """Prometheus text; to loopback, or to whoever shows the token of ``HOCBASO_METRICS_TOKEN``."""
    settings = current_app.config["HOCBASO"]
    token = str(os.environ.get("HOCBASO_METRICS_TOKEN") or settings.extra.get("HOCBASO_METRICS_TOKEN") or "")
    shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
    # Behind a proxy everybody comes from loopback; then only the token counts.
    is_local = request.remote_addr in ("127.0.0.1", "::1") and "X-Forwarded-For" not in request.headers
    if not is_local and not (token and hmac.compare_digest(token.encode(), shown.encode())):
        abort(404)
    times: RequestTimes = current_app.extensions["hocbaso_times"]
    return Response(times.text() + _machine_lines(), mimetype="text/plain; version=0.0.4")


def _machine_lines() -> str:
    now = clock.now()
    owed = "".join(
        f'hocbaso_job_days_owed{{job="{job.name}"}} {len(job_ledger.standing(job, now).due)}\n' for job in JOBS
    )
    return "# TYPE hocbaso_job_days_owed gauge\n" + owed


_COMMAND = re.compile(r"[^.;:(]*: (?:flask|chmod) .*$|\s*\((?:flask|SQLite|SMTP_URL)[^)]*\)")
"""What only whoever sits at the server can use of a finding: a command after a colon, names of parts in brackets."""


def plain(message: str) -> str:
    """A finding for who does not run the machine: without commands, and who sees to it where there was one."""
    said = _COMMAND.sub("", message).strip()
    return (
        f"{said.rstrip('.;,')}. Phụ trách CNTT xử lý việc này."
        if " flask " in f" {message}" or "chmod " in message
        else said
    )


@bp.get("/may-chu")
@requires(Permission.HEALTH_READ)
def machine() -> str:
    """Checks, jobs, backups."""
    now, may_run = clock.now(), current_actor().may(Permission.JOB_RUN)
    # What is wrong first: an officer with one minute reads the first lines.
    findings = sorted(health.examine(now, deep=False), key=lambda one: ("bad", "warn", "ok").index(one.level))
    away = backups.last_elsewhere()
    return render_template(
        "health/machine.html",
        findings=findings if may_run else [replace(one, message=plain(one.message)) for one in findings],
        n_bad=sum(finding.level == "bad" for finding in findings),
        n_warn=sum(finding.level == "warn" for finding in findings),
        jobs=[job_ledger.standing(job, now) for job in JOBS],
        backups=[(info, datetime.fromisoformat(info.taken_at)) for info in backups.listing()],
        elsewhere=away,
        elsewhere_at=datetime.fromisoformat(away.taken_at) if away else None,
        backups_at=current_app.config["HOCBASO"].backups,
        may_run=may_run,
        may_back_up=current_actor().may(Permission.BACKUP_MANAGE),
    )


@bp.post("/may-chu/sao-luu")
@requires(Permission.BACKUP_MANAGE)
def back_up() -> BaseResponse:
    """Make an archive now."""
    path = backups.create(current_actor(), clock.now())
    flash(f"Đã sao lưu vào {path.name}.", "done")
    return redirect(url_for("health.machine"), code=303)


@bp.post("/may-chu/viec/<name>")
@requires(Permission.JOB_RUN)
def run_job(name: str) -> BaseResponse:
    """Run one job for today."""
    job = next((job for job in JOBS if job.name == name), None)
    if job is None:
        abort(404)
    now = clock.now()
    alarm = job_ledger.check_clock(now)
    if alarm is not None:
        flash(alarm, "wrong")
        return redirect(url_for("health.machine"), code=303)
    outcome = job_ledger.run(job, clock.local_date(now), now, at_once=True)
    if outcome is None and not job_ledger.is_done(job, clock.local_date(now)):
        flash(f"{job.title}: đang chạy.", "late")
    elif outcome is None:
        flash(f"{job.title}: hôm nay đã chạy xong.", "done")
    else:
        flash(f"{job.title}: {outcome.outcome}", "done" if outcome.state == "done" else "wrong")
    return redirect(url_for("health.machine"), code=303)


@bp.post("/may-chu/nhat-ky")
@requires(Permission.HEALTH_READ, Permission.AUDIT_READ)
def check_log() -> BaseResponse:
    """Replay the audit log. Faults are told by table, row and column, without the values: the IT officer reads this."""
    report = audit_verify.verify()
    if report.ok:
        flash(
            f"Nhật ký nguyên vẹn: {report.n_entries} dòng, {report.n_values} dòng dữ liệu đúng như lần ghi cuối.",
            "done",
        )
    else:
        flash(f"Nhật ký hoặc dữ liệu đã bị sửa ngoài phần mềm: {report.faults[0].message}", "wrong")
    return redirect(url_for("health.machine"), code=303)


@bp.post("/may-chu/anh-chup")
@requires(Permission.JOB_RUN, Permission.AUDIT_READ)
def take_snapshot() -> BaseResponse:
    """Sign a snapshot of the log now."""
    try:
        taken = snapshots.take(current_actor(), clock.now())
        flash(
            f"Ảnh chụp số {taken.id}: {taken.n_entries} dòng. Chép tệp trong checkpoints/ ra nơi khác để giữ.", "done"
        )
    except DomainError as refusal:
        flash(refusal.message, "wrong")
    return redirect(url_for("health.machine"), code=303)


def init_app(app: Flask) -> None:
    """Register, and time every request."""
    app.register_blueprint(bp)
    app.extensions["hocbaso_times"] = RequestTimes()

    @app.before_request
    def _start() -> None:
        g.hocbaso_started = time.perf_counter()

    @app.after_request
    def _stop(response: Response) -> Response:
        started = g.get("hocbaso_started")
        if started is not None:
            times: RequestTimes = app.extensions["hocbaso_times"]
            times.add(request.method, response.status_code, time.perf_counter() - started)
        return response
