"""Every command of the project: Vietnamese help, machine-readable answers, exit status for wrong use and for a refusal."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator

import click
import pytest
from flask import Flask
from flask_migrate import stamp

from hocbaso.cli import output
from hocbaso.services import job_ledger
from tests.cast import Cast

FRAMEWORK = {"db", "run", "shell", "routes"}
WITHOUT_JSON = {"rules evaluate", "serve"}
"""Rules answer in JSON lines always; the server has no result."""

PROMISED = {
    "demo load",
    "demo simulate",
    "user add",
    "user passwd",
    "user list",
    "role grant",
    "rules evaluate",
    "transcript build",
    "transcript sign",
    "transcript export",
    "transcript verify",
    "certificates trust",
    "audit verify",
    "audit snapshot",
    "audit diff",
    "backup create",
    "backup list",
    "backup verify",
    "backup restore",
    "import students",
    "import teachers",
    "import assignments",
    "import scores",
    "export",
    "jobs list",
    "jobs run",
    "jobs catch-up",
    "doctor",
    "tls init",
}
"""Names of spec/interfaces.md that other tools rely on."""


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), name)
            if found is not None and not (not path and name in FRAMEWORK):
                yield from commands(found, (*path, name))
    else:
        yield " ".join(path), command


@pytest.fixture(scope="module")
def all_commands(tmp_path_factory: pytest.TempPathFactory) -> dict[str, click.Command]:
    from tests.conftest import make_app

    return dict(commands(make_app(tmp_path_factory.mktemp("commands")).cli))


def is_vietnamese(words: str | None) -> bool:
    return any(
        letter in "ăâđêôơưàáảãạèéẻẽẹìíỉĩịòóỏõọùúủũụỳýỷỹỵấầẩẫậắằẳẵặếềểễệốồổỗộớờởỡợứừửữự"
        for letter in (words or "").lower()
    )


def test_every_promised_name_is_there(all_commands: dict[str, click.Command]) -> None:
    assert set(all_commands) >= PROMISED


def test_every_command_and_option_is_told_in_vietnamese(all_commands: dict[str, click.Command]) -> None:
    for name, command in all_commands.items():
        assert is_vietnamese(command.help), name
        for option in command.params:
            if isinstance(option, click.Option):
                assert is_vietnamese(option.help), (name, option.opts)


def test_every_result_is_there_for_a_machine_too(all_commands: dict[str, click.Command]) -> None:
    without = {
        name for name, command in all_commands.items() if not any("--json" in option.opts for option in command.params)
    }
    assert without == WITHOUT_JSON


def test_help_is_done_and_an_unknown_option_is_wrong_use(
    school_app: Flask, all_commands: dict[str, click.Command]
) -> None:
    runner = school_app.test_cli_runner()
    for name in all_commands:
        assert runner.invoke(args=[*name.split(), "--help"]).exit_code == 0, name
        assert runner.invoke(args=[*name.split(), "--khong-co"]).exit_code == 2, name


def test_the_lesser_commands_answer_a_machine(school_app: Flask, school: Cast) -> None:
    stamp()
    runner = school_app.test_cli_runner()

    def answer(*arguments: str) -> dict[str, object]:
        done = runner.invoke(args=[*arguments, "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.output)

    assert answer("user", "disable", "gv009") == {
        "account_id": school.accounts["outsider"],
        "username": "gv009",
        "disabled": True,
    }
    assert answer("user", "disable", "gv009", "--enable")["disabled"] is False
    grants = json.loads(runner.invoke(args=["role", "list", "--json"]).output)
    board = next(row["grant_id"] for row in grants if row["role"] == "board_member")
    assert answer("role", "end", str(board)) == {"id": board, "ended": True}
    assert "accepted_at" in answer("jobs", "accept-clock")
    assert job_ledger.clock_alarm() is None


def test_a_lock_out_is_refused_and_forced_only_with_a_reason(school_app: Flask, school: Cast) -> None:
    stamp()
    runner = school_app.test_cli_runner()
    refused = runner.invoke(args=["user", "disable", "gv001"])
    assert refused.exit_code == 1 and "duy nhất" in refused.output
    assert runner.invoke(args=["user", "disable", "gv001", "--force"]).exit_code == 2
    assert runner.invoke(args=["user", "disable", "gv001", "--reason", "Mất máy, mất liên lạc"]).exit_code == 2
    done = runner.invoke(args=["user", "disable", "gv001", "--force", "--reason", "Mất máy, mất liên lạc"])
    assert done.exit_code == 0, done.output
    again = runner.invoke(args=["role", "grant", "GV009", "principal"])
    assert again.exit_code == 1 and "bàn giao" in again.output
    assert runner.invoke(args=["role", "grant", "GV009", "principal", "--hand-over"]).exit_code == 0


class Screen:
    """A stderr that says whether it is one."""

    def __init__(self, is_screen: bool) -> None:
        self.is_screen, self.text = is_screen, ""

    def isatty(self) -> bool:
        return self.is_screen

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""


@pytest.mark.parametrize(("is_screen", "seconds", "says"), [(True, 0.3, True), (True, 0.0, False), (False, 0.3, False)])
def test_what_takes_long_says_so_on_a_screen_only(
    monkeypatch: pytest.MonkeyPatch, is_screen: bool, seconds: float, says: bool
) -> None:
    screen = Screen(is_screen)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(output, "SILENT_SECONDS", 0.1)
    with output.working("Đang nhập diem-6A.xlsx"):
        time.sleep(seconds)
    assert ("Đang nhập diem-6A.xlsx, 0 giây" in screen.text) is says
    assert screen.text.endswith("\n") is says
