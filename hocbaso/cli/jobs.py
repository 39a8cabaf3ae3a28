"""``flask jobs``: scheduled work by hand."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import datetime

import click
from flask.cli import AppGroup

from hocbaso import clock
from hocbaso.cli.output import emit, json_option, refusals
from hocbaso.errors import Invalid, WrongState
from hocbaso.services import job_ledger
from hocbaso.services.access import SYSTEM
from hocbaso.services.job_table import JOBS

jobs_group = AppGroup("jobs", help="Việc theo lịch.")


@jobs_group.command("list")
@json_option
@refusals
def list_command(as_json: bool) -> None:
    """Các việc, giờ chạy, lần cuối, những ngày còn thiếu."""
    standing = [job_ledger.standing(job, clock.now()) for job in JOBS]
    words = "\n".join(
        f"{job.name:<16} {job.due_at}  {job.title:<32} lần cuối: {job.last_day or 'chưa'} "
        f"({job.last_state or '-'})  còn thiếu: {len(job.due)}"
        for job in standing
    )
    emit([asdict(job) for job in standing], as_json=as_json, words=words)


@jobs_group.command("run")
@click.argument("name", type=click.Choice([job.name for job in JOBS]))
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d", "%d/%m/%Y"]), help="Ngày của việc (mặc định hôm nay).")
@json_option
@refusals
def run_command(name: str, day: datetime | None, as_json: bool) -> None:
    """Chạy một việc cho một ngày, nếu ngày đó chưa chạy."""
    now = clock.now()
    job = next(job for job in JOBS if job.name == name)
    due_on = day.date() if day else clock.local_date(now)
    if due_on > clock.local_date(now):
        raise Invalid("Chưa đến ngày đó.")
    alarm = job_ledger.check_clock(now)
    if alarm:
        raise WrongState(alarm)
    outcome = job_ledger.run(job, due_on, now, at_once=True)
    if outcome is None and not job_ledger.is_done(job, due_on):
        raise WrongState("Việc này đang chạy ở nơi khác.")
    if outcome is None:
        emit({"job": name, "state": "done"}, as_json=as_json, words="Việc này của ngày đó đã chạy xong.")
        return
    emit(outcome, as_json=as_json, words=f"{outcome.job} {outcome.day:%d/%m/%Y}: {outcome.outcome}")
    sys.exit(0 if outcome.state == "done" else 1)


@jobs_group.command("catch-up")
@json_option
@refusals
def catch_up_command(as_json: bool) -> None:
    """Chạy mọi việc đến hạn mà chưa chạy, theo thứ tự."""
    now = clock.now()
    outcomes = job_ledger.catch_up(JOBS, now)
    alarm = job_ledger.clock_alarm()
    if alarm:
        raise WrongState(alarm)
    words = "\n".join(f"{o.day:%d/%m/%Y} {o.job}: {o.outcome}" for o in outcomes) or "Không còn việc nào chờ."
    emit(
        [{"job": o.job, "day": o.day.isoformat(), "state": o.state, "outcome": o.outcome} for o in outcomes],
        as_json=as_json,
        words=words,
    )
    sys.exit(0 if all(o.state == "done" for o in outcomes) else 1)


@jobs_group.command("accept-clock")
@json_option
@refusals
def accept_clock_command(as_json: bool) -> None:
    """Xác nhận giờ máy chủ bây giờ là đúng, sau một cảnh báo về đồng hồ."""
    now = clock.now()
    job_ledger.accept_clock(SYSTEM, now)
    emit(
        {"accepted_at": now.isoformat()},
        as_json=as_json,
        words=f"Giờ máy chủ: {clock.local(now):%H:%M ngày %d/%m/%Y}. Việc theo ngày chạy tiếp.",
    )


COMMANDS = [jobs_group]
