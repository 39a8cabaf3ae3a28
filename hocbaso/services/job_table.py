"""The table of jobs: what runs each day, at which hour of the school's clock, in this order when catching up.

Hours lie in the working day: a school's server is switched off at night.
"""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from hocbaso import clock
from hocbaso.regulations.deadlines import QUIET_FROM_HOUR, QUIET_TO_HOUR, is_quiet
from hocbaso.services import (
    backups,
    certificate_reminders,
    class_photos,
    data_quality,
    digest_mail,
    job_ledger,
    proofs,
    rehearsal,
    reminders,
    snapshots,
    student_photos,
    tidy,
    tls,
)
from hocbaso.services.access import SYSTEM
from hocbaso.services.job_ledger import Job


def _remind(day: date, now: datetime, _prepared: Any) -> str:
    if day < clock.local_date(now):
        return "Máy chủ tắt hôm đó; việc còn lại đã nằm trong lời nhắc của ngày mới."
    last = job_ledger.last_in_time("reminders", day)
    n_warned = certificate_reminders.warn(SYSTEM, now)
    ending = f" {n_warned} lời nhắc chứng thư số sắp hết hạn." if n_warned else ""
    return f"Đã nhắc {reminders.remind(SYSTEM, now, last=last)} người.{ending}"


def _send_mail(day: date, now: datetime) -> int:
    # Outside the transaction: a slow mail server must not hold the write lock while teachers type.
    return digest_mail.send(now) if day == clock.local_date(now) else 0


def _mailed(day: date, now: datetime, n_sent: int) -> str:
    if day < clock.local_date(now):
        return "Máy chủ tắt hôm đó; thư của ngày mới đã gồm các việc còn lại."
    if is_quiet(clock.local(now).hour):
        return (
            f"Giờ yên lặng từ {QUIET_FROM_HOUR}:00 đến {QUIET_TO_HOUR}:00: lời nhắc hôm nay đi cùng thư của ngày tới."
        )
    return f"Đã gửi {n_sent} thư." if digest_mail.has_server() else digest_mail.NO_SERVER


def _sign_log(day: date, now: datetime) -> snapshots.SignedBody:
    return snapshots.sign_present(now, day=day)


def _snapshot(_day: date, now: datetime, signed: snapshots.SignedBody) -> str:
    taken = snapshots.keep(SYSTEM, signed, now)
    snapshots.forget_exports()
    copied = snapshots.copy_elsewhere()
    late = ", chụp muộn" if taken.taken_late else ""
    return f"Ảnh chụp số {taken.id}: {taken.n_entries} dòng{late}{'; ' + copied if copied else ''}."


def _sign_deadline(day: date, now: datetime) -> snapshots.SignedBody | None:
    words = snapshots.deadline_on(day)
    return snapshots.sign_present(now, day=day, occasion=words) if words else None


def _deadline(day: date, now: datetime, signed: snapshots.SignedBody | None) -> str:
    return _snapshot(day, now, signed) if signed is not None else "Hôm nay không có hạn nào vừa qua."


def _look_for_rehearsal(day: date, now: datetime) -> Any:
    # Asks the machine's token drivers, a second each: outside the transaction, and never for a day that has passed.
    return rehearsal.look(now) if day == clock.local_date(now) else None


def _told_to_rehearse(_day: date, now: datetime, found: Any) -> str:
    n_told = rehearsal.remind(SYSTEM, found, now)
    return f"Đã nhắc {n_told} người chuẩn bị và diễn tập ký." if n_told else "Chưa đến kì diễn tập ký."


def _back_up(day: date, now: datetime) -> None:
    if day == clock.local_date(now):
        backups.daily_archive(SYSTEM, now)


def _backed_up(day: date, now: datetime, _prepared: Any) -> str:
    if day < clock.local_date(now):
        return "Máy chủ tắt hôm đó; bản sao của ngày mới đã gồm cả ngày này."
    return f"Đã sao lưu vào {backups.daily_name(now)}."


def _tidy_files(_day: date, now: datetime) -> int:
    return class_photos.forget_old(now) + student_photos.forget_left()


def _tidy(_day: date, now: datetime, n_files: int) -> str:
    files = f", {n_files} tệp ảnh không ai dùng" if n_files else ""
    return f"Đã dọn {tidy.forget_old(now)} dòng cũ{files}."


def _renew_certificate(day: date, now: datetime, _prepared: Any) -> str:
    if day < clock.local_date(now):
        return "Máy chủ tắt hôm đó; việc của ngày mới đã xem lại chứng thư."
    renewed = tls.renew_if_due(SYSTEM, now)
    if renewed is None:
        return "Chứng thư HTTPS chưa cần gia hạn." if tls.is_used() else "Máy chủ chưa dùng HTTPS."
    return f"Đã gia hạn chứng thư HTTPS đến {clock.local(renewed.leaf_ends_at):%d/%m/%Y}."


def _stamp_again(day: date, now: datetime) -> proofs.Renewed | None:
    # Calls the time-stamping authority: outside the transaction, and never for a day that has passed.
    return proofs.renew_due(now) if day == clock.local_date(now) else None


def _stamped_again(_day: date, now: datetime, renewed: proofs.Renewed | None) -> str:
    if renewed is None:
        return "Máy chủ tắt hôm đó; việc của ngày mới đã gồm các học bạ đến hạn."
    return proofs.keep(SYSTEM, renewed, now)


def _keep_quality(day: date, now: datetime, _prepared: Any) -> str:
    if day < clock.local_date(now):
        return "Máy chủ tắt hôm đó; số đo của ngày ấy không dựng lại được."
    n_kept = data_quality.keep_day(day, now)
    return f"Đã ghi {n_kept} số đo chất lượng dữ liệu." if n_kept else "Không có gì để đo thêm hôm nay."


JOBS: tuple[Job, ...] = (
    Job("reminders", "Nhắc việc theo hạn", time(6, 30), _remind),
    Job("mail", "Gửi thư nhắc việc", time(6, 35), _mailed, _send_mail),
    Job("rehearsal", "Nhắc diễn tập ký trước hạn hai tuần", time(6, 40), _told_to_rehearse, _look_for_rehearsal),
    Job("backup", "Sao lưu hằng ngày", time(11, 30), _backed_up, _back_up),
    Job("audit_snapshot", "Ảnh chụp nhật ký có chữ ký", time(16, 45), _snapshot, _sign_log),
    Job("proof", "Đóng lại dấu thời gian cho học bạ", time(12, 30), _stamped_again, _stamp_again),
    Job("tidy", "Dọn phiên làm việc cũ", time(12, 0), _tidy, _tidy_files),
    Job("deadline_snapshot", "Ảnh chụp khi một hạn vừa qua", time(0, 5), _deadline, _sign_deadline),
    Job("tls", "Gia hạn chứng thư HTTPS", time(11, 45), _renew_certificate),
    Job("quality", "Đo chất lượng dữ liệu trong ngày", time(11, 40), _keep_quality),
)
