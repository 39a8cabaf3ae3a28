"""``flask audit``, ``backup``, ``jobs``, ``doctor``: what they print, and their exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from hocbaso.db import db
from hocbaso.factory import create_app
from hocbaso.services import document_pool, schema
from tests import cast
from tests.conftest import make_app
from tests.databases import Outside


class Machine:
    """A migrated instance with the cast's school, and its command line."""

    def __init__(self, instance: Path, *, school: bool = True) -> None:
        self.instance, self.app = instance, make_app(instance, durable=True)
        with self.app.app_context():
            if school:
                schema.upgrade()
                cast.build()
            db.session.remove()

    def run(self, *words: str) -> Result:
        return self.app.test_cli_runner().invoke(args=list(words))

    @property
    def on_sqlite(self) -> bool:
        return bool(self.app.config["HOCBASO"].database_url.startswith("sqlite"))

    def json(self, *words: str, status: int = 0) -> Any:
        answer = self.run(*words, "--json")
        assert answer.exit_code == status, answer.output
        return json.loads(answer.stdout.strip().splitlines()[-1])

    def sql(self, statement: str) -> None:
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()
            with Outside() as connection:
                connection.execute(statement)
            db.engine.dispose()


@pytest.fixture
def machine(tmp_path: Path) -> Any:
    made = Machine(tmp_path / "máy")
    yield made
    with made.app.app_context():
        db.session.remove()
        db.engine.dispose()


def test_audit_verify_snapshot_key_and_diff(machine: Machine, tmp_path: Path) -> None:
    assert machine.run("audit", "key").exit_code == 1
    first = machine.json("audit", "snapshot")
    key = machine.json("audit", "key")["key"]
    good = machine.json("audit", "verify")
    assert good["ok"] and good["first_bad_row"] is None and good["n_snapshots"] == 2
    assert "Nhật ký nguyên vẹn" in machine.run("audit", "verify").output
    second = machine.json("audit", "snapshot")
    between = ("audit", "diff", str(first["id"]), str(second["id"]))
    told = machine.run(*between).output
    assert "1 dòng nhật ký, khớp cả hai ảnh chụp" in told and "1  chụp và ký ảnh nhật ký" in told
    (entry,) = [json.loads(line) for line in machine.run(*between, "--json").output.splitlines()]
    assert entry["tag"] == "audit:snapshot:taken" and entry["changes"] == []
    assert machine.run("audit", "diff", "1", "77").exit_code == 1

    kept = tmp_path / "kept.txt"
    kept.write_bytes(next((machine.instance / "checkpoints").glob("*.txt")).read_bytes())
    assert machine.run("audit", "verify", "--against", str(kept), "--key", key).exit_code == 0
    assert machine.run("audit", "verify", "--against", str(kept), "--key", "sai").exit_code == 1
    assert machine.run("audit", "verify", "--against", str(tmp_path / "none.txt")).exit_code == 2

    machine.sql("UPDATE audit_entry SET actor_name = 'Ai Đó' WHERE seq = 12")
    bad = machine.json("audit", "verify", status=1)
    assert (bad["ok"], bad["first_bad_row"]["seq"], bad["first_bad_row"]["kind"]) == (False, 12, "row")
    assert "Dòng 12" in machine.run("audit", "verify").output


def test_backup_create_list_verify_restore(machine: Machine, tmp_path: Path) -> None:
    assert machine.run("backup", "verify").exit_code == 1, "nothing to verify yet"
    made = machine.json("backup", "create", "--out", str(tmp_path / "ổ rời"))
    assert Path(made["path"]).stat().st_size == made["n_bytes"]
    machine.run("backup", "create")
    (listed,) = machine.json("backup", "list")
    assert machine.json("backup", "verify")["ok"]
    assert machine.json("backup", "verify", listed["name"])["problems"] == []
    refused = machine.run("backup", "restore", listed["path"])
    assert refused.exit_code == 1 and "đã có dữ liệu" in refused.stderr

    new = Machine(tmp_path / "máy mới", school=False)
    assert new.run("backup", "restore", "khong-co.tar").exit_code == 1
    tried = new.json("backup", "verify", made["path"])
    assert tried["ok"] and tried["n_entries"] > 0, "a copy is tried on the new machine before it is restored there"
    if new.on_sqlite:
        assert not (new.instance / "hocbaso.sqlite").exists(), "trying makes no school"
        astray = new.run("backup", "verify")
        assert astray.exit_code == 1 and "Chưa có dữ liệu nào ở" in astray.stderr
    restored = new.json("backup", "restore", made["path"])
    assert restored["restored"] >= 2
    assert new.json("audit", "verify")["ok"]
    assert new.run("backup", "restore", made["path"]).exit_code == 1, "only into an empty place"


def test_backup_may_be_made_before_the_schema_is_brought_up_and_other_commands_wait(machine: Machine) -> None:
    for revision, words in (("0001", "flask db upgrade"), ("alt", "mới hơn bản đang chạy")):
        machine.sql(f"UPDATE alembic_version SET version_num = '{revision}'")
        refused = machine.run("audit", "verify")
        assert refused.exit_code == 1 and words in refused.stderr
    made = machine.run("backup", "create")
    if machine.on_sqlite:
        assert made.exit_code == 0
    else:  # the copy is laid out by the migrations, which do not know this one
        assert made.exit_code == 1 and "pg_dump" in made.stderr
    assert machine.run("backup", "list").exit_code == 0


def test_jobs_list_run_and_catch_up(machine: Machine) -> None:
    names = [job["name"] for job in machine.json("jobs", "list")]
    assert names == [
        "reminders",
        "mail",
        "rehearsal",
        "backup",
        "audit_snapshot",
        "proof",
        "tidy",
        "deadline_snapshot",
        "tls",
        "quality",
    ]
    assert machine.json("jobs", "run", "audit_snapshot")["state"] == "done"
    assert "đã chạy xong" in machine.run("jobs", "run", "audit_snapshot").output
    assert machine.run("jobs", "run", "khong-co").exit_code == 2
    assert machine.run("jobs", "run", "tidy", "--date", "2099-01-01").exit_code == 1
    assert machine.run("jobs", "catch-up").exit_code == 0
    assert machine.run("jobs", "catch-up").output.strip() == "Không còn việc nào chờ."
    machine.sql("UPDATE machine_state SET value = '2099-01-01T00:00:00+00:00' WHERE key = 'last_seen_at'")
    for words in (("jobs", "catch-up"), ("jobs", "run", "tidy")):
        refused = machine.run(*words)
        assert refused.exit_code == 1 and "lùi lại" in refused.stderr
    assert machine.run("jobs", "accept-clock").exit_code == 0
    assert machine.run("jobs", "catch-up").exit_code == 0


def test_doctor_tries_the_whole_machine_and_its_status_is_the_verdict(machine: Machine) -> None:
    try:
        found = machine.json("doctor")
        checks = {finding["check"]: finding["level"] for finding in found}
        assert "bad" not in checks.values(), found
        for check in (
            "Cơ sở dữ liệu",
            "Ổ đĩa",
            "Cấu trúc dữ liệu",
            "Đồng hồ",
            "Sao lưu",
            "Kết nối",
            "Chứng thư số",
            "Kho tài liệu",
            "Nhật ký",
        ):
            assert check in checks, check
        assert any("hông chữ" in check for check in checks) and any("thử" in check or "ký" in check for check in checks)
        machine.sql("UPDATE student SET full_name = 'Người Khác' WHERE id = 1")
        answer = machine.run("doctor")
        assert answer.exit_code == 1 and "✗ Nhật ký: Bảng student, dòng 1" in answer.output
        machine.sql("UPDATE alembic_version SET version_num = '0001'")
        answer = machine.run("doctor")
        assert answer.exit_code == 1 and "Cấu trúc dữ liệu: Cơ sở dữ liệu chưa theo" in answer.output
    finally:
        with machine.app.app_context():
            document_pool.close()


def test_a_log_with_nothing_in_it_is_not_called_whole(tmp_path: Path) -> None:
    app: Flask = make_app(tmp_path / "trống")
    answer = app.test_cli_runner().invoke(args=["audit", "verify"])
    assert answer.exit_code == 1 and "sai thư mục" in answer.output and "trống" in answer.output


@pytest.mark.parametrize("command", [("doctor",), ("backup", "create"), ("backup", "list")])
def test_what_runs_on_an_old_schema_runs_in_an_empty_place_too(tmp_path: Path, command: tuple[str, ...]) -> None:
    empty = Machine(tmp_path / "trong", school=False)
    answer = empty.run(*command)
    assert answer.exception is None or isinstance(answer.exception, SystemExit), answer.exception
    assert answer.exit_code in (0, 1)


def test_the_log_as_a_file_is_judged_without_the_machine(machine: Machine, tmp_path: Path) -> None:
    machine.json("audit", "snapshot")
    key = machine.json("audit", "key")["key"]
    kept = next(machine.app.config["HOCBASO"].checkpoints.glob("*.txt"))
    for name in ("log.jsonl", "log.jsonl.gz"):
        out = tmp_path / name
        n_entries = machine.json("audit", "export", "--out", str(out))["n_entries"]
        assert out.stat().st_mode & 0o777 == 0o600
        judge = ("audit", "verify-file", str(out), "--checkpoint", str(kept), "--key", key)
        report = machine.json(*judge)
        assert report["ok"] and report["n_entries"] == n_entries > report["n_vouched"] > 50
    text = (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    for forged, words in (
        (text[:20], "chỉ có 20 dòng"),
        (text[:9] + text[10:], "nhảy từ dòng 9 sang dòng 11"),
        ([*text[:9], text[9].replace(":created", ":changed"), *text[10:]], "Dòng 10"),
    ):
        (tmp_path / "forged.jsonl").write_text("".join(forged), encoding="utf-8")
        command = ("audit", "verify-file", str(tmp_path / "forged.jsonl"), "--checkpoint", str(kept))
        answer = machine.run(*command, "--key", key)
        assert answer.exit_code == 1 and words in answer.output, answer.output
        assert machine.run(*command).exit_code == 2, "a key is never taken on trust"
    (tmp_path / "forged.jsonl").write_text("{}\n")
    assert machine.run(*command, "--key", key).exit_code == 1
    assert machine.run("audit", "export", "--out", str(tmp_path / "none" / "x.jsonl")).exit_code == 1


@pytest.mark.sqlite("a database server is there or not whatever the folder")
@pytest.mark.parametrize(
    "command",
    [
        ("audit", "verify"),
        ("check-instance",),
        ("export", "students", "--out", "x.xlsx"),
        ("jobs", "list"),
        ("audit", "key"),
    ],
)
def test_a_command_that_only_reads_makes_no_school_where_none_is(tmp_path: Path, command: tuple[str, ...]) -> None:
    place = tmp_path / "sai"
    found = create_app(instance=place).test_cli_runner().invoke(args=list(command))
    assert found.exit_code == 1 and "Chưa có dữ liệu nào ở" in found.stderr and not place.exists()


@pytest.mark.sqlite("the folder holds the database")
def test_a_folder_that_is_somebody_elses_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "thu.txt").write_text("x")
    tmp_path.chmod(0o755)
    create_app(instance=tmp_path).test_cli_runner().invoke(args=["db", "upgrade"])
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_file_that_cannot_be_written_is_named_in_words(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "tep").write_text("x")
    found = machine.run("export", "students", "--out", str(tmp_path / "tep" / "hs.xlsx"))
    assert found.exit_code == 1 and "không đọc hoặc ghi được" in found.stderr and "Traceback" not in found.output
