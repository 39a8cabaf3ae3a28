"""``flask transcript`` and ``flask certificates`` from building to an outside check, with their exit statuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from click.testing import Result

from hocbaso import clock
from hocbaso.db import db
from hocbaso.services import schema
from tests.cast import NOW, Cast
from tests.services.approved_class import (  # noqa: F401 (fixtures)
    approved_template_fixture,
    copy_of,
)

Run = Callable[..., Result]


@pytest.fixture
def run(approved_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    # The keys begin an hour before NOW; the verifier judges by the machine's clock, so it is given the same day.
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(minutes=5))
    monkeypatch.delenv("HOCBASO_PIN", raising=False)
    app = copy_of(approved_template, tmp_path / "instance")
    with app.app_context():
        flask_migrate.stamp(directory=str(schema.MIGRATIONS))  # made by create_all, not by migrations
    runner = app.test_cli_runner()
    yield lambda *args: runner.invoke(args=[str(arg) for arg in args])
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def of(result: Result, status: int = 0) -> Any:
    assert result.exit_code == status, result.output
    return json.loads(result.stdout) if result.stdout.startswith(("{", "[")) else result.stdout


def test_a_class_from_frozen_results_to_exported_files(
    run: Run, tmp_path: Path, school_template: tuple[Path, Cast]
) -> None:
    assert of(run("transcript", "build", "--class", "9A", "--json"))["count"] == 3
    early = of(run("transcript", "sign", "--as", "seal", "--class", "9A", "--json"), 1)
    assert early["failed"] == 3 and "Hiệu trưởng chưa ký" in early["items"][0]["reason"]
    for role in ("homeroom", "principal", "seal"):
        signed = of(run("transcript", "sign", "--as", role, "--class", "9a", "--year", "2026-2027", "--json"))
        assert signed["count"] == 3 and float(signed["rate"]) > 0 and float(signed["seconds"]) > 0
    again = run("transcript", "sign", "--as", "seal", "--class", "9A")
    assert again.exit_code == 1 and "không ký lần thứ hai" in again.output
    published = of(run("transcript", "publish", "--class", "9A"))
    assert "Đã công bố: 0" in published and "từ trước: 3" in published, "the principal ordered it with the signature"
    out = tmp_path / "ra"
    assert len(of(run("transcript", "export", "--class", "9A", "--out", out, "--json"))["files"]) == 6
    trust = of(run("certificates", "trust", "--out", tmp_path / "goc", "--json"))
    assert trust[0]["is_test"] and Path(trust[0]["file"]).read_bytes().startswith(b"-----BEGIN CERTIFICATE")
    assert sorted(path.suffix for path in out.iterdir()) == [".pdf"] * 3 + [".xml"] * 3


def test_a_grade_level_or_the_school_in_one_batch(run: Run) -> None:
    built = of(run("transcript", "build", "--grade-level", "9", "--json"))
    assert (built["count"], built["class"], built["scope"]) == (3, "9A", "lớp 9A")
    of(run("transcript", "sign", "--as", "homeroom", "--class", "9A"))
    signed = of(run("transcript", "sign", "--as", "principal", "--whole-school", "--json"))
    assert signed["count"] == 3 and signed["failed"] == signed["waiting"] == 0
    assert run("transcript", "sign", "--as", "principal", "--whole-school").exit_code == 1, "nothing is left to sign"
    assert run("transcript", "sign", "--as", "homeroom", "--whole-school").exit_code == 1
    for wrong in (["--class", "9A", "--whole-school"], [], ["--grade-level", "5"], ["--whole-school", "--year", "x"]):
        assert run("transcript", "build", *wrong).exit_code in (1, 2), wrong
    assert run("transcript", "build", "--whole-school", "--student", "x").exit_code == 2


def test_recalled_asked_and_listed(run: Run, tmp_path: Path) -> None:
    of(run("transcript", "build", "--class", "9A"))
    for role in ("homeroom", "principal", "seal"):
        of(run("transcript", "sign", "--as", role, "--class", "9A"))
    out = tmp_path / "ra"
    of(run("transcript", "export", "--class", "9A", "--out", out))
    first, second, _ = (path.read_text("utf-8")[12:48] for path in sorted(out.glob("*.xml")))
    assert of(run("transcript", "recall", first, "--reason", "Sai nơi sinh", "--json"))["state"] == "RECALLED"
    asked = of(run("transcript", "recall", second, "--ask", "--reason", "Sai tên mẹ", "--json"))
    assert asked["state"] == "RECALL_REQUESTED"
    assert run("transcript", "recall", second, "--reason", "Sai tên mẹ").exit_code == 1, "asked for already"
    assert run("transcript", "recall-list", "--out", out).exit_code == 1, "there is none yet"
    made = of(run("transcript", "recall-list", "--make", "--out", out, "--json"))
    assert made["lists"] == [{"number": 1, "state": "MADE", "n": 1}] and len(made["files"]) == 2
    assert all((out / name).is_file() for name in made["files"])
    assert run("transcript", "recall-list", "--make").exit_code == 1


def test_the_rehearsal_says_what_is_to_be_done(run: Run) -> None:
    told = json.loads(run("transcript", "rehearse", "--papers", "1", "--json").stdout)
    (row,) = [one for one in told["classes"] if one["class"] == "9A"]
    assert row["problem"] is None and row["students"] == 3 and row["ms_per_paper"] > 20
    assert run("transcript", "rehearse", "--year", "1999-2000").exit_code == 1


def test_what_the_principal_keeps_back_is_published_by_hand(run: Run) -> None:
    of(run("transcript", "build", "--class", "9A"))
    for role, more in (("homeroom", []), ("principal", ["--no-publish"]), ("seal", [])):
        of(run("transcript", "sign", "--as", role, "--class", "9A", *more))
    assert "Đã công bố: 3" in of(run("transcript", "publish", "--class", "9A"))


def test_wrong_use_and_refusals_have_their_own_status(run: Run) -> None:
    assert run("transcript", "sign", "--as", "nobody", "--class", "9A").exit_code == 2
    assert run("transcript", "build").exit_code == 2
    assert run("transcript", "build", "--class", "7Z").exit_code == 1
    assert run("transcript", "build", "--class", "6A").exit_code == 1
    assert run("transcript", "export", "--class", "9A", "--out", "/tmp/x").exit_code == 1
    assert run("transcript", "build", "--class", "9A", "--year", "1999-2000").exit_code == 1
    assert run("transcript", "verify", "khong-co.pdf").exit_code == 2


def test_the_verdict_comes_without_a_database(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_text("<a/>")
    verdict = run("transcript", "verify", tmp_path / "x.xml")
    assert verdict.exit_code == 1 and "KHÔNG HỢP LỆ" in verdict.output


def test_the_list_of_certificates(run: Run) -> None:
    rows = of(run("certificates", "list", "--json"))
    assert {row["owner"] for row in rows} >= {"Trịnh Thu Hà", "Đoàn Thị Hải Yến", "Trường THCS Đồng Sen"}
