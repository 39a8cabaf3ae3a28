"""``flask demo``: a sample school to learn with and to test on."""

from __future__ import annotations

import importlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from flask.cli import AppGroup

from hocbaso import clock
from hocbaso.cli.output import any_schema, emit, json_option, refusals
from hocbaso.services import demo_school, demo_stages, schema

SILENCE = 25.0
"""Seconds without a word after which people think that it hangs."""

demo_group = AppGroup("demo", help="Trường mẫu.")


def _table(accounts: list[demo_school.DemoAccount]) -> str:
    lines = ["Vai                           Tên đăng nhập   Họ và tên                     Mã PIN ký"]
    lines += [f"{a.role:<30}{a.username:<16}{a.name:<30}{a.pin or ''}" for a in accounts]
    return "\n".join([*lines, f"Mật khẩu của mọi tài khoản mẫu: {accounts[0].password}"])


@contextmanager
def _never_silent(every: float = SILENCE) -> Iterator[Callable[[str], None]]:
    """What tells a line of progress; where none came for a while, it says that the work goes on."""
    told, over, began = threading.Event(), threading.Event(), time.monotonic()

    def say(line: str) -> None:
        click.echo(f"  {line}", err=True)
        told.set()

    def watch() -> None:
        while not over.is_set():
            if not told.wait(every) and not over.is_set():
                click.echo(f"  … vẫn đang làm, đã {int(time.monotonic() - began)} giây", err=True)
            told.clear()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield say
    finally:
        over.set()
        told.set()
        watcher.join()


@demo_group.command("load")
@click.option("--classes", "n_classes", type=click.IntRange(1, 40), help="Số lớp, chia đều cho các khối.")
@click.option("--students", "n_students", type=click.IntRange(1, 60), help="Số học sinh mỗi lớp.")
@click.option("--seed", type=int, default=22, show_default=True, help="Số gieo: cùng số, cùng trường.")
@click.option(
    "--stage", type=click.Choice(demo_stages.STAGES), help="Mọi lớp đứng ở bước nào; bỏ trống: mỗi lớp một bước."
)
@click.option(
    "--port", envvar="PORT", type=click.IntRange(1, 65535), default=5000, help="Cổng sẽ chạy: giấy in địa chỉ tra cứu."
)
@json_option
@refusals
def load_command(
    n_classes: int | None, n_students: int | None, seed: int, stage: str | None, port: int, as_json: bool
) -> None:
    """Nạp trường mẫu vào một nơi trống."""
    started = time.monotonic()
    schema.upgrade()
    with _never_silent() as say:
        accounts = demo_school.load(
            clock.now(),
            n_classes=n_classes,
            n_students=n_students,
            seed=seed,
            stage=stage,
            address=f"http://127.0.0.1:{port}",
            say=say,
        )
    elapsed = time.monotonic() - started
    emit(
        {"accounts": [vars(account) for account in accounts], "seconds": f"{elapsed:.1f}"},
        as_json=as_json,
        words=f"Đã nạp trường mẫu trong {elapsed:.1f} giây.\n{_table(accounts)}",
    )


@demo_group.command("accounts")
@json_option
@refusals
def accounts_command(as_json: bool) -> None:
    """Mỗi vai một tài khoản để đăng nhập thử."""
    accounts = demo_school.accounts()
    emit([vars(account) for account in accounts], as_json=as_json, words=_table(accounts))


@demo_group.command("simulate")
@click.option("--seed", type=int, required=True, help="Số gieo: cùng số, cùng năm học.")
@click.option("--classes", "n_classes", type=click.IntRange(4, 40), default=16, show_default=True, help="Số lớp.")
@click.option(
    "--students", "n_students", type=click.IntRange(1, 60), default=10, show_default=True, help="Số học sinh mỗi lớp."
)
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Giữ lại dữ liệu ở thư mục trống này.")
@json_option
@refusals
@any_schema
def simulate_command(seed: int, n_classes: int, n_students: int, keep: Path | None, as_json: bool) -> None:
    """Một năm học mô phỏng qua HTTP: mọi vai, mất điện, sửa sau khoá, chuyển trường."""
    # Here and not above: lxml and the rest are for this command alone.
    simulation = importlib.import_module("hocbaso.cli.simulation.run")
    with click.progressbar(length=269, label="Năm học", file=sys.stderr) as bar:
        report = simulation.simulate(n_classes, n_students, seed, lambda _day: bar.update(1), keep)
    lines = [line for one in report.promises for line in one.lines()]
    lines += [f"{name}: {value}" for name, value in report.figures.items()]
    emit(
        {
            "kept": report.kept,
            "promises": [{"words": one.words, "faults": one.faults} for one in report.promises],
            "figures": report.figures,
        },
        as_json=as_json,
        words="\n".join(lines),
    )
    if not report.kept:
        sys.exit(1)


COMMANDS = [demo_group]
