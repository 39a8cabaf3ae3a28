"""The table of jobs: what runs each day, at which hour of the school's clock, in this order when catching up.

Hours lie in the working day: a school's server is switched off at night.
"""

from __future__ import annotations

from datetime import date, datetime, time

from hocbaso import clock
from hocbaso.services import backups, reminders, sessions, snapshots
from hocbaso.services.access import SYSTEM
from hocbaso.services.job_ledger import Job


def _remind(day: date, now: datetime) -> str:
    if day < clock.local_date(now):
        return "Máy chủ tắt hôm đó; việc còn lại đã nằm trong lời nhắc của ngày mới."
    return f"Đã nhắc {reminders.remind(SYSTEM, now)} người."


def _snapshot(day: date, now: datetime) -> str:
    taken = snapshots.take(SYSTEM, now, day=day)
    return f"Ảnh chụp số {taken.id}: {taken.n_entries} dòng{', chụp muộn' if taken.taken_late else ''}."


def _back_up(day: date, now: datetime) -> None:
    if day == clock.local_date(now):
        backups.daily_archive(SYSTEM, now)


def _backed_up(day: date, now: datetime) -> str:
    if day < clock.local_date(now):
        return "Máy chủ tắt hôm đó; bản sao của ngày mới đã gồm cả ngày này."
    return f"Đã sao lưu vào {backups.daily_name(now)}."


def _mail(day: date, now: datetime) -> str:
    return f"Đã gửi {reminders.mail_waiting(now)} thư."


def _tidy(day: date, now: datetime) -> str:
    return f"Đã dọn {sessions.forget_ended(now)} phiên làm việc cũ."


JOBS: tuple[Job, ...] = (
    Job("reminders", "Nhắc việc theo hạn", time(6, 30), _remind),
    Job("mail", "Gửi thư nhắc việc", time(6, 35), _mail),
    Job("backup", "Sao lưu hằng ngày", time(11, 30), _backed_up, _back_up),
    Job("audit_snapshot", "Ảnh chụp nhật ký có chữ ký", time(16, 45), _snapshot),
    Job("tidy", "Dọn phiên làm việc cũ", time(12, 0), _tidy),
)
