"""The machine's own pages: ready or not, figures for the collector, the IT officer's page without any score."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.db import db, write_transaction
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit, backups, health, job_ledger, schema
from hocbaso.services.access import SYSTEM
from hocbaso.web.health import RequestTimes, plain
from tests.cast import NOW, Cast
from tests.conftest import make_app
from tests.databases import Outside


def test_healthz_is_ok_only_when_the_database_answers_and_migrations_are_current(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    app = make_app(tmp_path / "i")
    client = app.test_client()
    assert client.get("/healthz").status_code == 503, "no schema yet"
    with app.app_context():
        schema.upgrade()
    answer = client.get("/healthz")
    assert (answer.status_code, answer.data.strip(), answer.mimetype) == (200, b"ok", "text/plain")
    with app.app_context():
        connection = Outside()
    connection.execute("UPDATE alembic_version SET version_num = 'alt'")
    assert client.get("/healthz").status_code == 503, "another revision"
    connection.execute("UPDATE alembic_version SET version_num = ?", (schema.head_revision(),))
    connection.close()
    assert client.get("/healthz").status_code == 200
    monkeypatch.setattr(health, "is_ready", lambda: 1 / 0)
    assert client.get("/healthz").status_code == 503, "a database that fails is no crash"
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def test_metrics_go_to_loopback_or_to_who_shows_the_token(school_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    client = school_app.test_client()

    def status(address: str, **headers: str) -> int:
        return client.get(
            "/metrics",
            environ_base={"REMOTE_ADDR": address},
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        ).status_code

    assert status("127.0.0.1") == status("::1") == 200
    assert status("192.168.1.20") == 404
    assert status("127.0.0.1", X_Forwarded_For="203.0.113.5") == 404, "behind a proxy everybody is loopback"
    assert status("192.168.1.20", Authorization="Bearer ") == 404, "no token set: an empty one opens nothing"
    monkeypatch.setenv("HOCBASO_METRICS_TOKEN", "mật-mã")
    assert status("192.168.1.20", Authorization="Bearer sai") == 404
    monkeypatch.setenv("HOCBASO_METRICS_TOKEN", "mat-ma")
    assert status("192.168.1.20", Authorization="Bearer mat-ma") == 200
    assert status("127.0.0.1", X_Forwarded_For="203.0.113.5", Authorization="Bearer mat-ma") == 200


def test_metrics_are_prometheus_text_with_growing_buckets(school_app: Flask) -> None:
    client = school_app.test_client()
    client.get("/healthz")
    client.open("/healthz", method='WEIRD"}\n')
    text = client.get("/metrics").get_data(as_text=True)
    for line in text.splitlines():
        assert line.startswith("# TYPE ") or float(line.rsplit(" ", 1)[1]) >= 0, line
    buckets = [int(line.rsplit(" ", 1)[1]) for line in text.splitlines() if "_bucket" in line]
    assert buckets == sorted(buckets) and buckets[-1] >= 2
    assert "WEIRD" not in text and 'method="OTHER"' in text
    assert 'hocbaso_job_days_owed{job="backup"}' in text


def test_the_histogram_counts_each_answer_in_every_bucket_above_it() -> None:
    times = RequestTimes()
    times.add("GET", 200, 0.02)
    times.add("GET", 200, 9.0)
    text = times.text()
    assert 'le="0.01"} 0' in text and 'le="0.025"} 1' in text and 'le="2.5"} 1' in text and 'le="+Inf"} 2' in text
    assert "hocbaso_request_seconds_sum 9.02" in text


def test_looking_writes_nothing(school_app: Flask, school: Cast, client_of: Callable[[str], FlaskClient]) -> None:
    client = client_of("it_officer")
    client.get("/may-chu")
    connection = Outside()
    version = connection.n_writes()
    for address in ("/may-chu", "/metrics", "/healthz"):
        client.get(address)
    # The session's last-seen mark is the only thing a look may write; it is not renewed within a minute.
    assert connection.n_writes() == version
    connection.close()


def test_the_last_copy_elsewhere_is_told_by_the_page_and_the_command(
    school: Cast, school_app: Flask, client_of: Callable[[str], FlaskClient], tmp_path: Path
) -> None:
    with school_app.app_context():
        backups.create(SYSTEM, NOW)
        assert backups.last_elsewhere() is None, "the school's own folder is not elsewhere"
        path = backups.create(SYSTEM, NOW, out=tmp_path / "o-roi")
        away = backups.last_elsewhere()
        assert away is not None and away.path == str(path) and away.n_bytes == path.stat().st_size
    page = client_of("it_officer").get("/may-chu").get_data(as_text=True)
    assert str(path) in page and "Chưa có bản sao lưu nào" not in page
    assert str(path) in school_app.test_cli_runner().invoke(args=["backup", "list"]).output


def test_what_is_wrong_stands_first_and_jobs_on_time_take_one_line(
    school: Cast, client_of: Callable[[str], FlaskClient]
) -> None:
    page = client_of("it_officer").get("/may-chu").get_data(as_text=True)
    rows = re.findall(r'<li class="checks__row[^>]*>.*?</li>', page)
    off = ["is-off" in row for row in rows]
    assert any(off) and off == sorted(off, reverse=True)
    assert sum("<b>Việc" in row for row in rows) == 1


def test_the_page_is_the_it_officers_and_the_principals(school: Cast, client_of: Callable[[str], FlaskClient]) -> None:
    page = client_of("it_officer").get("/may-chu").get_data(as_text=True)
    for words in ("Cơ sở dữ liệu", "Đồng hồ", "Sao lưu hằng ngày", "Chưa có bản sao lưu nào"):
        assert words in page, words
    assert client_of("principal").get("/may-chu").status_code == 200
    for person in ("clerk", "math", "head_science", "board"):
        assert client_of(person).get("/may-chu").status_code == 403, person


def test_the_it_officer_backs_up_runs_jobs_and_checks_the_log(
    school: Cast, client_of: Callable[[str], FlaskClient]
) -> None:
    client = client_of("it_officer")
    page = client.post("/may-chu/sao-luu", follow_redirects=True).get_data(as_text=True)
    assert "Đã sao lưu vào hocbaso-" in page
    assert 'action="/may-chu/viec/tidy"' in page
    page = client.post("/may-chu/viec/tidy", follow_redirects=True).get_data(as_text=True)
    assert "Đã dọn" in page and 'action="/may-chu/viec/tidy"' not in page and "Hôm nay đã xong" in page
    assert 'action="/may-chu/viec/quality"' in page
    assert "hôm nay đã chạy xong" in client.post("/may-chu/viec/tidy", follow_redirects=True).get_data(as_text=True)
    assert client.post("/may-chu/viec/khong-co").status_code == 404
    assert "Nhật ký nguyên vẹn" in client.post("/may-chu/nhat-ky", follow_redirects=True).get_data(as_text=True)
    assert "Ảnh chụp số 1" in client.post("/may-chu/anh-chup", follow_redirects=True).get_data(as_text=True)
    assert client_of("principal").post("/may-chu/sao-luu").status_code == 403


def test_what_this_machine_was_never_told_of_is_said_and_not_counted_as_nought(
    school: Cast, school_app: Flask, client_of: Callable[[str], FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    client = client_of("it_officer")
    page = client.post("/may-chu/viec/mail", follow_redirects=True).get_data(as_text=True)
    assert "Gửi thư nhắc việc: Chưa khai báo máy chủ thư (SMTP_URL)." in page and "0 thư" not in page
    page = client.post("/may-chu/viec/tls", follow_redirects=True).get_data(as_text=True)
    assert "Máy chủ chưa dùng HTTPS." in page and "chưa cần gia hạn" not in page
    doctor = school_app.test_cli_runner().invoke(args=["doctor"]).output
    assert "Chưa khai báo máy chủ thư (SMTP_URL)" in doctor


def test_a_forged_score_is_told_to_the_it_officer_without_its_value(
    school: Cast, client_of: Callable[[str], FlaskClient]
) -> None:
    with write_transaction() as session:
        cell = m.ScoreCell(
            score_sheet_id=school.sheets["9A", "MATH", 1],
            tenths=73,
            origin="entered",
            column_key="GK",
            enrollment_id=school.enrollments["9A", "Đinh Công Thành"],
            updated_at=NOW,
        )
        session.add(cell)
        session.flush()
        audit.record(
            AuditTag.CELL_CHANGED,
            SYSTEM,
            NOW,
            target_kind="score_cell",
            target_id=cell.id,
            state=audit.states("score_cell", [cell]),
        )
    connection = Outside()
    connection.execute("UPDATE score_cell SET tenths = 96")
    connection.close()
    db.session.remove()
    page = client_of("it_officer").post("/may-chu/nhat-ky", follow_redirects=True).get_data(as_text=True)
    toast = page[page.index("đã bị sửa ngoài phần mềm") :][:300]
    assert "score_cell" in toast and "tenths" in toast
    assert "73" not in toast and "96" not in toast


def test_a_job_is_not_run_by_hand_under_a_wrong_clock(school: Cast, client_of: Callable[[str], FlaskClient]) -> None:
    with write_transaction() as session:
        session.add(m.MachineState(key="last_seen_at", value=clock.now().replace(year=2099).isoformat()))
    page = client_of("it_officer").post("/may-chu/viec/audit_snapshot", follow_redirects=True).get_data(as_text=True)
    assert "lùi lại" in page
    assert db.session.scalar(select(m.AuditSnapshot.id)) is None


# --- findings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 6, 23), True),
        ((3, 7, 0), False),
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 46, 1), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 53, 0), True),
        ((4, 0, 0), True),
    ],
)
def test_which_sqlite_has_the_wal_reset_bug(version: tuple[int, ...], safe: bool) -> None:
    assert health.sqlite_is_safe(version) is safe


def levels(school: Cast) -> dict[str, tuple[str, str]]:
    return {finding.check: (finding.level, finding.message) for finding in health.examine(NOW, deep=False)}


def test_findings_name_what_is_wrong(school: Cast, school_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with make_app(school_app.config["HOCBASO"].instance, durable=True).app_context():
        found = levels(school)
        db.session.remove()
    assert levels(school)["Cơ sở dữ liệu"][0] == "bad", "tests do not wait for the disk"
    assert found["Cơ sở dữ liệu"][0] == "ok" and "WAL" in found["Cơ sở dữ liệu"][1]
    assert found["Cấu trúc dữ liệu"][0] == "bad", "the cast's database was never migrated"
    assert found["Sao lưu"][0] == "warn" and found["Kết nối"][0] == "warn" and found["Kho tài liệu"][0] == "ok"
    with write_transaction() as session:
        session.add(m.StoredDocument(digest="a" * 64, kind="x", media_type="x", n_bytes=1, stored_at=NOW))
        session.add(
            m.JobRun(
                job="backup",
                day=NOW.date(),
                state="failed",
                owner="x",
                attempt=1,
                started_at=NOW,
                lease_until=NOW,
                outcome="đĩa đầy",
            )
        )
    job_ledger.check_clock(NOW.replace(year=2030))
    school_app.config["HOCBASO"].instance.chmod(0o755)
    found = levels(school)
    assert found["Kho tài liệu"][0] == "bad" and found["Đồng hồ"][0] == "bad" and found["Thư mục dữ liệu"][0] == "warn"
    assert found["Việc Sao lưu hằng ngày"] == ("bad", "Lần cuối hỏng: đĩa đầy")
    monkeypatch.setattr(health, "sqlite_is_safe", lambda _version: False)
    assert levels(school)["Cơ sở dữ liệu"][0] == "bad"


def test_days_stand_on_the_page_as_people_write_them(school: Cast, client_of: Callable[[str], FlaskClient]) -> None:
    client = client_of("it_officer")
    client.post("/may-chu/viec/tidy")
    page = client.get("/may-chu").get_data(as_text=True)
    assert f'<td class="num">{clock.local(clock.now()):%d/%m/%Y}' in page
    assert not re.search(r'<td class="num">\d{4}-', page)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Mật khẩu không được che. Chạy: flask tls init", "Mật khẩu không được che. Phụ trách CNTT xử lý việc này."),
        ("Người khác đọc được. Chạy: chmod -R go-rwx /srv", "Người khác đọc được. Phụ trách CNTT xử lý việc này."),
        ("Mỗi lần lưu được ghi ngay xuống đĩa (SQLite 3.53.1, WAL).", "Mỗi lần lưu được ghi ngay xuống đĩa."),
        ("Còn trống 20,5 GB.", "Còn trống 20,5 GB."),
    ],
)
def test_who_does_not_run_the_machine_reads_no_commands(message: str, said: str) -> None:
    assert plain(message) == said


def test_the_principal_reads_who_backs_up(client_of: Callable[[str], FlaskClient]) -> None:
    page = client_of("principal").get("/may-chu").get_data(as_text=True)
    assert "Phụ trách CNTT bấm “Sao lưu ngay”" in page and "flask " not in page and "WAL" not in page
    assert "flask " in client_of("it_officer").get("/may-chu").get_data(as_text=True)
