"""Checks of this machine, in words: what the IT officer reads before anybody else notices."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import func, select, text

from hocbaso import clock
from hocbaso import models as m
from hocbaso.config import Config
from hocbaso.db import db, is_sqlite
from hocbaso.documents.store import DocumentStore
from hocbaso.errors import DomainError
from hocbaso.services import audit_verify, backups, digest_mail, document_pool, job_ledger, schema, tls_check
from hocbaso.services.job_table import JOBS


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: ``level`` is ok, warn or bad."""

    check: str
    level: str
    message: str


def is_ready() -> bool:
    """For ``/healthz``: the database answers and its schema is current."""
    db.session.execute(text("SELECT 1"))
    return not schema.migrations_pending()


def sqlite_is_safe(version: tuple[int, ...]) -> bool:
    """Outside the range of the WAL-reset bug (3.7.0 to 3.51.2, but for the back-ports 3.44.6 and 3.50.7)."""
    if version < (3, 7, 0) or version >= (3, 51, 3):
        return True
    return version[:2] in {(3, 44), (3, 50)} and version >= ((3, 44, 6) if version[1] == 44 else (3, 50, 7))


def examine(now: datetime, *, deep: bool = True) -> list[Finding]:
    """All checks. ``deep`` also replays the audit log and makes a signature."""
    settings: Config = current_app.config["HOCBASO"]
    findings = [
        _database(),
        _disk(settings),
        _schema(),
        _clock(now),
        _permissions(settings),
        _last_backup(now),
        *_jobs(now),
        _mail(),
        *_tls(settings, now, deep),
        *_certificates(now),
        _store(settings),
    ]
    if deep:
        findings += [_chain(), *_documents(now)]
    return findings


def _database() -> Finding:
    if not is_sqlite():
        return Finding("Cơ sở dữ liệu", "ok", "PostgreSQL.")
    version = str(db.session.execute(text("SELECT sqlite_version()")).scalar())
    mode = str(db.session.execute(text("PRAGMA journal_mode")).scalar())
    full = db.session.execute(text("PRAGMA synchronous")).scalar() == 2
    if not sqlite_is_safe(tuple(int(part) for part in version.split("."))):
        return Finding(
            "Cơ sở dữ liệu",
            "bad",
            f"SQLite {version} có lỗi làm mất dữ liệu (WAL-reset). Cài lại thư viện pysqlite3 đi kèm.",
        )
    if mode != "wal" or not full:
        return Finding("Cơ sở dữ liệu", "bad", f"SQLite chạy chế độ {mode}, ghi đĩa chưa an toàn.")
    return Finding("Cơ sở dữ liệu", "ok", f"Mỗi lần lưu được ghi ngay xuống đĩa (SQLite {version}, WAL).")


def _disk(settings: Config) -> Finding:
    free = shutil.disk_usage(settings.instance).free / 1e9
    level = "bad" if free < 1 else "warn" if free < 5 else "ok"
    return Finding("Ổ đĩa", level, f"Còn trống {free:.1f} GB.".replace(".", ",", 1))


def _schema() -> Finding:
    if schema.migrations_pending():
        return Finding("Cấu trúc dữ liệu", "bad", schema.other_shape() or schema.OLDER)
    return Finding("Cấu trúc dữ liệu", "ok", f"Đúng bản {schema.current_revision()}.")


def _clock(now: datetime) -> Finding:
    alarm = job_ledger.clock_alarm()
    row = db.session.get(m.MachineState, "last_seen_at", populate_existing=True)
    if alarm is not None:
        return Finding("Đồng hồ", "bad", alarm)
    if now < job_ledger.NEVER_BEFORE or (row and now < datetime.fromisoformat(row.value) - job_ledger.CLOCK_TOLERANCE):
        return Finding(
            "Đồng hồ",
            "bad",
            f"Đồng hồ máy chủ chỉ {clock.local(now):%H:%M %d/%m/%Y}, đã lùi lại. Chỉnh giờ rồi khởi động lại.",
        )
    return Finding("Đồng hồ", "ok", f"{clock.local(now):%H:%M ngày %d/%m/%Y}.")


def _permissions(settings: Config) -> Finding:
    loose = [
        name
        for name in ("", "keys", "secret_key", "tls", "tls/ca-key.pem", "tls/key.pem")
        if (settings.instance / name).exists() and os.stat(settings.instance / name).st_mode & 0o077
    ]
    if loose:
        return Finding(
            "Thư mục dữ liệu",
            "warn",
            f"Người dùng khác của máy chủ đọc được thư mục dữ liệu. Chạy: chmod -R go-rwx {settings.instance}",
        )
    return Finding("Thư mục dữ liệu", "ok", "Chỉ phần mềm đọc được.")


def _last_backup(now: datetime) -> Finding:
    away = backups.last_elsewhere()
    found = [*backups.listing()[:1], *([away] if away else [])]
    if not found:
        return Finding("Sao lưu", "warn", "Chưa có bản sao lưu nào.")
    newest = max(found, key=lambda one: datetime.fromisoformat(one.taken_at))
    age = now - datetime.fromisoformat(newest.taken_at)
    level = "ok" if age < timedelta(days=2) else "warn" if age < timedelta(days=7) else "bad"
    taken = clock.local(datetime.fromisoformat(newest.taken_at))
    where = newest.path if newest is away else newest.name
    return Finding("Sao lưu", level, f"Bản gần nhất: {taken:%H:%M ngày %d/%m/%Y} ({where}).")


def _jobs(now: datetime) -> list[Finding]:
    findings, n_well = [], 0
    for job in JOBS:
        standing = job_ledger.standing(job, now)
        if standing.last_state == "failed":
            findings.append(Finding(f"Việc {job.title}", "bad", f"Lần cuối hỏng: {standing.outcome}"))
        elif len(standing.due) > 1:
            findings.append(Finding(f"Việc {job.title}", "warn", f"Còn {len(standing.due)} ngày chưa chạy."))
        else:
            n_well += 1
    words = f"{n_well} việc, không việc nào muộn." if n_well == len(JOBS) else f"{n_well} việc khác không muộn."
    return [*findings, Finding("Việc theo giờ", "ok", words)] if n_well else findings


def _mail() -> Finding:
    # No fault: a school without one reads its reminders on the page.
    if digest_mail.has_server():
        return Finding("Thư nhắc việc", "ok", "Đã khai báo máy chủ thư.")
    return Finding("Thư nhắc việc", "ok", f"{digest_mail.NO_SERVER} Lời nhắc chỉ hiện trên trang.")


def _tls(settings: Config, now: datetime, deep: bool) -> list[Finding]:
    return [Finding("Kết nối", found.level, found.message) for found in tls_check.examine(settings, now, deep=deep)]


def _certificates(now: datetime) -> list[Finding]:
    soon = db.session.scalars(
        select(m.Certificate)
        .where(m.Certificate.retired_at.is_(None), m.Certificate.not_after < now + timedelta(days=90))
        .order_by(m.Certificate.not_after)
    )
    findings = [
        Finding(
            "Chứng thư số",
            "bad" if row.not_after < now else "warn",
            f"{row.subject_name}: {'đã hết hạn' if row.not_after < now else 'sắp hết hạn'} "
            f"{clock.local(row.not_after):%d/%m/%Y}.",
        )
        for row in soon
    ]
    if not findings:
        n = db.session.scalar(select(func.count(m.Certificate.id)).where(m.Certificate.retired_at.is_(None))) or 0
        findings.append(Finding("Chứng thư số", "ok" if n else "warn", f"{n} chứng thư đang dùng."))
    return findings


def _store(settings: Config) -> Finding:
    store = DocumentStore(settings.documents)
    missing = [digest for digest in db.session.scalars(select(m.StoredDocument.digest)) if not store.has(digest)]
    if missing:
        return Finding("Kho tài liệu", "bad", f"Thiếu {len(missing)} tài liệu, ví dụ {missing[0][:16]}….")
    n = sum(1 for _digest in store.digests())
    return Finding("Kho tài liệu", "ok", f"{n} tệp, không thiếu tệp nào.")


def _chain() -> Finding:
    report = audit_verify.verify()
    if not report.ok:
        return Finding("Nhật ký", "bad", report.faults[0].message)
    return Finding("Nhật ký", "ok", f"{report.n_entries} dòng, nguyên vẹn.")


def _documents(now: datetime) -> list[Finding]:
    """Fonts, rendering, signing and checking, tried with an invented pupil and throw-away keys in a worker."""
    try:
        found = document_pool.call("hocbaso.documents.self_test:run", now, timeout=120.0)
    except DomainError as problem:
        return [Finding("Lập và ký học bạ", "bad", problem.message)]
    except Exception as problem:  # a missing system library shows itself as anything
        return [
            Finding("Lập và ký học bạ", "bad", f"Thiếu thư viện hệ thống hoặc phông chữ: {problem}. Chạy: make setup")
        ]
    return [Finding(check, level, message) for check, level, message in found]
