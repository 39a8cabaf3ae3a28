"""``flask export``: scores, students, statistics and the Ministry's list as files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
from flask.cli import with_appcontext

from hocbaso import clock
from hocbaso.cli.imports import acting
from hocbaso.cli.output import emit, json_option, refusals, working
from hocbaso.services import exports


@click.command("export")
@click.argument("what", type=click.Choice(list(exports.FORMATS)))
@click.option("--class", "class_name", help="Chỉ một lớp, như 9A (mặc định: mọi lớp trong quyền).")
@click.option("--year", help="Năm học, như 2025-2026 (mặc định: năm đang mở).")
@click.option(
    "--format",
    "form",
    type=click.Choice(["xlsx", "jsonl", "xml"]),
    help="Dạng tệp (mặc định: theo đuôi của --out, không thì dạng đầu của loại).",
)
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Tệp ghi ra; - là màn hình."
)
@click.option("--actor", help="Tên đăng nhập của người làm; mật khẩu từ HOCBASO_PASSWORD hoặc hỏi trên màn hình.")
@json_option
@with_appcontext
@refusals
def export_command(
    what: str, class_name: str | None, year: str | None, form: str | None, out: Path, actor: str | None, as_json: bool
) -> None:
    """Xuất WHAT: scores (điểm), students (học sinh), statistics (thống kê), ministry (danh sách học bạ XML)."""
    suffix = out.suffix.removeprefix(".").lower()
    form = form or (suffix if suffix in exports.FORMATS[what] else None)
    if form is not None and form not in exports.FORMATS[what]:
        raise click.UsageError(f"{what} xuất được ra: {', '.join(exports.FORMATS[what])}.")
    who = acting(actor)
    with working("Đang xuất"):
        made = exports.export(who, what, clock.now(), form=form, class_name=class_name, year_label=year)
    if str(out) == "-":
        sys.stdout.buffer.write(made.data)
        sys.stdout.buffer.flush()
        return
    _write(out, made.data)
    emit(
        {"file": str(out), "n_rows": made.n_rows, "n_bytes": len(made.data), "left_out": made.left_out},
        as_json=as_json,
        words=f"Đã xuất {made.n_rows} dòng ra {out}." + (f" {made.left_out}" if made.left_out else ""),
    )


def _write(out: Path, data: bytes) -> None:
    """A file of personal data is readable by its owner only, and never left half written."""
    part = out.with_name(out.name + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(data)
    part.replace(out)


COMMANDS = [export_command]
