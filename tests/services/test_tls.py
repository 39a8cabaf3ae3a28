"""HTTPS of the machine: made once, renewed in time under the same root, never replaced in silence, always written down."""

from __future__ import annotations

import os
import signal
from datetime import datetime, timedelta

import pytest
from click.testing import Result
from flask import Flask
from flask_migrate import stamp
from sqlalchemy import inspect, select

from hocbaso import clock
from hocbaso import models as m
from hocbaso.config import Config
from hocbaso.db import db, write_transaction
from hocbaso.documents.lan_authority import fingerprint
from hocbaso.errors import Invalid, Unavailable, WrongState
from hocbaso.jobs import certificate_watch
from hocbaso.services import audit_verify, health, job_ledger, lan_addresses, tls, tls_check, tls_reload
from hocbaso.services.access import SYSTEM
from hocbaso.services.job_table import JOBS
from tests.cast import NOW, Cast
from tests.databases import Outside

HOSTS = ("hocba.truong.lan", "127.0.0.1")
JOB = next(job for job in JOBS if job.name == "tls")


@pytest.fixture
def settings(school_app: Flask, school: Cast) -> Config:
    found: Config = school_app.config["HOCBASO"]
    return found


def entries(tag: str) -> list[m.AuditEntry]:
    return list(db.session.scalars(select(m.AuditEntry).where(m.AuditEntry.tag == tag).order_by(m.AuditEntry.seq)))


def levels(settings: Config, now: datetime) -> list[str]:
    return [finding.level for finding in tls_check.examine(settings, now)]


def test_the_first_run_makes_root_and_leaf_readable_by_nobody_else_and_writes_both_down(settings: Config):
    assert levels(settings, NOW) == ["warn"] and not tls_check.is_sound(settings, NOW)
    issued = tls.init(SYSTEM, HOSTS, NOW)
    assert issued.new_authority and issued.names == HOSTS
    assert {path.name for path in settings.tls.iterdir()} == {"ca.pem", "ca-key.pem", "cert.pem", "key.pem"}
    assert settings.tls.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in settings.tls.iterdir()} == {0o600}
    (created,), (leaf,) = entries("tls:authority:created"), entries("tls:certificate:issued")
    assert issued.root_fingerprint in created.payload and issued.leaf_fingerprint in leaf.payload
    assert set(levels(settings, NOW)) == {"ok"} and tls_check.is_sound(settings, NOW)
    assert audit_verify.verify().ok


def test_a_second_run_renews_the_leaf_with_its_key_under_the_same_root(settings: Config):
    first = tls.init(SYSTEM, HOSTS, NOW)
    key = (settings.tls / "key.pem").read_bytes()
    second = tls.init(SYSTEM, (), NOW + timedelta(days=100))
    assert not second.new_authority and second.names == HOSTS
    assert second.root_fingerprint == first.root_fingerprint and second.leaf_fingerprint != first.leaf_fingerprint
    assert second.leaf_ends_at - first.leaf_ends_at == timedelta(days=100)
    assert (settings.tls / "key.pem").read_bytes() == key
    assert tls.held(settings).is_ours
    assert len(entries("tls:authority:created")) == 1 and len(entries("tls:certificate:issued")) == 2


def test_the_root_changes_only_when_asked_and_its_old_key_is_gone(settings: Config):
    first = tls.init(SYSTEM, HOSTS, NOW)
    old_key = (settings.tls / "ca-key.pem").read_bytes()
    with pytest.raises(WrongState, match="--new-ca"):
        tls.init(SYSTEM, ("khac.truong.lan",), NOW)
    assert fingerprint(tls.held(settings).authority) == first.root_fingerprint  # type: ignore[arg-type]
    second = tls.init(SYSTEM, ("khac.truong.lan",), NOW, new_authority=True)
    assert second.root_fingerprint != first.root_fingerprint and second.names == ("khac.truong.lan",)
    kept = [path.read_bytes() for path in settings.instance.rglob("*.pem")]
    assert old_key not in kept and len(kept) == 4
    assert first.root_fingerprint in entries("tls:authority:created")[1].payload


def test_a_certificate_from_elsewhere_is_never_touched(settings: Config):
    tls.init(SYSTEM, HOSTS, NOW)
    (settings.tls / "ca.pem").unlink()
    before = (settings.tls / "cert.pem").read_bytes()
    for new in (False, True):
        with pytest.raises(WrongState):
            tls.init(SYSTEM, HOSTS, NOW, new_authority=new)
    assert tls.renew_if_due(SYSTEM, NOW + timedelta(days=390)) is None
    assert (settings.tls / "cert.pem").read_bytes() == before


def test_a_refused_act_leaves_no_file_and_no_entry(settings: Config, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lan_addresses, "of_this_machine", lambda: ())
    with pytest.raises(Invalid):
        tls.init(SYSTEM, (), NOW)
    with pytest.raises(Invalid):
        tls.init(SYSTEM, ("edu.vn",), NOW)
    assert not settings.tls.exists() and entries("tls:authority:created") == []


def test_the_leaf_is_renewed_thirty_days_before_its_end_and_not_before(settings: Config):
    first = tls.init(SYSTEM, HOSTS, NOW)
    due = first.leaf_ends_at - timedelta(days=30)
    assert tls.renew_if_due(SYSTEM, due - timedelta(seconds=1)) is None
    renewed = tls.renew_if_due(SYSTEM, due)
    assert renewed is not None and renewed.leaf_ends_at > first.leaf_ends_at + timedelta(days=360)
    assert tls.renew_if_due(SYSTEM, due) is None
    assert len(entries("tls:certificate:issued")) == 2


def test_the_daily_job_renews_once_and_says_so(settings: Config):
    first = tls.init(SYSTEM, HOSTS, NOW)
    due = (first.leaf_ends_at - timedelta(days=20)).replace(hour=6)
    outcome = job_ledger.run(JOB, due.date(), due)
    assert outcome is not None and outcome.state == "done" and "Đã gia hạn" in outcome.outcome
    assert job_ledger.run(JOB, due.date(), due) is None
    again = job_ledger.run(JOB, due.date() + timedelta(days=1), due + timedelta(days=1))
    assert again is not None and "chưa cần" in again.outcome
    assert len(entries("tls:certificate:issued")) == 2


def test_a_leaf_that_the_log_does_not_know_is_written_down_by_the_next_run(settings: Config):
    tls.init(SYSTEM, HOSTS, NOW)
    with Outside() as other:
        other.execute("DELETE FROM audit_entry WHERE tag = 'tls:certificate:issued'")
    assert tls.renew_if_due(SYSTEM, NOW) is None
    assert tls.renew_if_due(SYSTEM, NOW) is None
    assert len(entries("tls:certificate:issued")) == 1


def test_a_dying_root_is_told_of_half_a_year_before_and_the_job_fails_aloud(settings: Config):
    first = tls.init(SYSTEM, HOSTS, NOW)
    near = first.root_ends_at - timedelta(days=170)
    tls.renew_if_due(SYSTEM, near)
    assert "warn" in levels(settings, near) and not tls_check.is_sound(settings, near)
    assert tls.renew_if_due(SYSTEM, first.root_ends_at - timedelta(days=10)) is None, "no other one would end later"
    with pytest.raises(Unavailable, match="new-ca"):
        tls.renew_if_due(SYSTEM, first.root_ends_at - timedelta(hours=5))
    assert "bad" in levels(settings, first.root_ends_at)
    with pytest.raises(WrongState, match="new-ca"):
        tls.init(SYSTEM, (), first.root_ends_at)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("key.pem", "không phải của"),
        ("cert.pem", "Không đọc được"),
        ("ca.pem", "không do gốc"),
        ("no key", "Không đọc"),
    ],
)
def test_a_pair_that_does_not_fit_is_bad_news(settings: Config, name: str, words: str):
    tls.init(SYSTEM, HOSTS, NOW)
    other = {path.name: path.read_bytes() for path in settings.tls.iterdir()}
    tls.init(SYSTEM, HOSTS, NOW, new_authority=True)
    if name == "no key":
        (settings.tls / "key.pem").unlink()
    else:
        (settings.tls / name).write_bytes(b"x" if name == "cert.pem" else other[name])
    found = [finding for finding in health.examine(NOW, deep=False) if finding.check == "Kết nối"]
    assert any(finding.level == "bad" and words in finding.message for finding in found), found
    assert not tls_check.is_sound(settings, NOW)


def test_doctor_holds_the_names_against_the_machine(settings: Config, monkeypatch: pytest.MonkeyPatch):
    tls.init(SYSTEM, ("hocba.truong.lan", "192.168.1.20"), NOW)
    monkeypatch.setattr(lan_addresses, "of_this_machine", lambda: ("192.168.1.77",))
    said = " ".join(finding.message for finding in tls_check.examine(settings, NOW))
    assert "192.168.1.20 nhưng máy này đang có 192.168.1.77" in said
    monkeypatch.setattr(lan_addresses, "of_this_machine", lambda: ("192.168.1.20",))
    assert set(levels(settings, NOW)) == {"ok"}
    monkeypatch.setattr(tls_check, "_resolve", lambda host: {"192.168.1.99"})
    deep = tls_check.examine(settings, NOW, deep=True)
    assert any("chỉ tới 192.168.1.99" in finding.message for finding in deep)
    monkeypatch.setattr(tls_check, "_resolve", lambda host: {"192.168.1.20"})
    assert {finding.level for finding in tls_check.examine(settings, NOW, deep=True)} == {"ok"}


def test_keys_that_others_may_read_are_noticed(settings: Config):
    tls.init(SYSTEM, HOSTS, NOW)
    for folder in (settings.instance, settings.keys):
        folder.chmod(0o700)
    os.chmod(settings.tls / "ca-key.pem", 0o640)
    found = next(finding for finding in health.examine(NOW, deep=False) if finding.check == "Thư mục dữ liệu")
    assert found.level == "warn"


def test_a_new_certificate_is_taken_up_when_nobody_works_or_when_it_waited_too_long(
    settings: Config, school_app: Flask
):
    tls.init(SYSTEM, HOSTS, NOW)
    shown = tls_reload.on_disk(settings)
    later = NOW + timedelta(days=370)
    assert not tls_reload.is_time(settings, shown, later), "what is shown is what lies there"
    tls.init(SYSTEM, (), later)
    assert not tls_reload.is_time(settings, shown, later + timedelta(minutes=4))
    assert tls_reload.is_time(settings, shown, later + timedelta(minutes=6))
    with write_transaction():
        tls.note_plain_mode(SYSTEM, "192.168.1.20", later + timedelta(days=26))
    assert tls_reload.is_time(settings, shown, later + timedelta(days=26))
    school_app.extensions["hocbaso_tls_shown"] = shown
    assert any("tự đổi" in finding.message for finding in tls_check.examine(settings, later))


def test_the_watch_tells_the_server_when_it_is_time_and_keeps_hsts_true_to_the_certificate(
    settings: Config, school_app: Flask, monkeypatch: pytest.MonkeyPatch
):
    told: list[tuple[int, int]] = []
    at = [NOW]
    monkeypatch.setattr(certificate_watch.os, "kill", lambda pid, sent: told.append((pid, sent)))
    monkeypatch.setattr(clock, "now", lambda: at[0])
    tls.init(SYSTEM, HOSTS, NOW)
    school_app.extensions["hocbaso_tls_shown"] = tls_reload.on_disk(settings)
    certificate_watch.look(school_app)
    assert told == [] and school_app.extensions["hocbaso_tls_sound"]
    at[0] = NOW + timedelta(days=380)
    certificate_watch.look(school_app)
    assert told == [] and not school_app.extensions["hocbaso_tls_sound"], "nobody renewed it: no more promises"
    tls.init(SYSTEM, (), at[0])
    at[0] += timedelta(minutes=10)
    certificate_watch.look(school_app)
    assert told == [(os.getppid(), signal.SIGHUP)] and school_app.extensions["hocbaso_tls_sound"]


def run(app: Flask, *words: str) -> Result:
    if not inspect(db.engine).has_table("alembic_version"):  # the fixtures make tables without their revision
        stamp()
    return app.test_cli_runner().invoke(args=list(words))


def test_the_command_prints_the_fingerprint_for_the_paper_and_asks_before_a_new_root(school_app: Flask, school: Cast):
    made = run(school_app, "tls", "init", "--host", "hocba.truong.lan")
    assert made.exit_code == 0, made.output
    there, said = tls.held(school_app.config["HOCBASO"]), made.output.replace(" ", "").replace("\n", "")
    assert fingerprint(there.authority) in said and "/tin-cay" in said  # type: ignore[arg-type]
    assert fingerprint(there.leaf) in said  # type: ignore[arg-type] # what a signing helper shows when it is paired
    assert "không phải “Chứng chỉ Wi-Fi”" in made.output
    refused = run(school_app, "tls", "init", "--new-ca")
    assert refused.exit_code == 2 and "--yes" in refused.output
    assert run(school_app, "tls", "init", "--host", "khac.lan2").exit_code == 1
    assert '"new_authority": false' in run(school_app, "tls", "init", "--json").output
    assert '"new_authority": true' in run(school_app, "tls", "init", "--new-ca", "--yes", "--json").output
