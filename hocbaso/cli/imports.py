"""``flask import``: read the office's Excel files. Without ``--apply`` nothing is saved."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click
from flask.cli import AppGroup

from hocbaso import clock
from hocbaso.cli.output import emit, json_option, refusals, working
from hocbaso.services import imports
from hocbaso.services.access import Actor
from hocbaso.services.accounts import resolve_cli_actor
from hocbaso.services.import_plans import KINDS
from hocbaso.services.roster import UNNAMED_SCHOOL

_SHOWN_CHANGES = 40

import_group = AppGroup("import", help="Nhập học sinh, cán bộ, phân công, điểm từ tệp Excel.")


def acting(actor_name: str | None) -> Actor:
    """The account that acts, its password from ``HOCBASO_PASSWORD`` or the prompt; the system actor in set-up and demo."""
    password = None
    if actor_name is not None:
        password = os.environ.get("HOCBASO_PASSWORD") or click.prompt("Mật khẩu", hide_input=True, err=True)
    return resolve_cli_actor(actor_name, password, now=clock.now())


def _command(kind: str) -> click.Command:
    @click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    @click.option(
        "--profile",
        type=click.Choice([name for name, _ in imports.profile_choices()]),
        default=imports.DEFAULT_PROFILE,
        show_default=True,
        help="Mẫu tệp.",
    )
    @click.option("--apply", "apply_it", is_flag=True, help="Ghi thật. Không có thì chỉ xem trước.")
    @click.option("--year", help="Năm học, như 2025-2026 (mặc định: năm đang mở).")
    @click.option("--school", help=f"Tên trường khi nơi này còn trống (mặc định “{UNNAMED_SCHOOL}”).")
    @click.option("--actor", help="Tên đăng nhập của người làm; mật khẩu từ HOCBASO_PASSWORD hoặc hỏi trên màn hình.")
    @json_option
    @refusals
    def run(
        file: Path,
        profile: str,
        apply_it: bool,
        year: str | None,
        school: str | None,
        actor: str | None,
        as_json: bool,
        joined_on: datetime | None = None,
        same: tuple[str, ...] = (),
        other: tuple[str, ...] = (),
        open_class: tuple[str, ...] = (),
    ) -> None:
        who = acting(actor)
        with working(f"Đang {'nhập' if apply_it else 'đọc'} {file.name}"):
            report = imports.run_import(
                who,
                kind,
                file.read_bytes(),
                clock.now(),
                profile=profile,
                file_name=file.name,
                apply=apply_it,
                year_label=year,
                school_name=school,
                joined_on=joined_on.date() if joined_on else None,
                answers={code.upper(): "same" for code in same}
                | {code.upper(): "other" for code in other}
                | {name.upper(): "open" for name in open_class},
            )
        emit(
            {**asdict(report), "ok": not report.n_errors and not report.is_unanswered},
            as_json=as_json,
            words=_words(report),
        )
        sys.exit(1 if report.n_errors or report.is_unanswered else 0)

    if kind == "students":
        run = click.option(
            "--joined-on",
            type=click.DateTime(["%Y-%m-%d"]),
            help="Ngày vào lớp của các em mới không có ngày trong tệp, như 2027-03-15 (mặc định: đầu năm học).",
        )(run)
        run = click.option(
            "--open-class", multiple=True, metavar="LỚP", help="Mở lớp này khi năm học chưa có; dùng được nhiều lần."
        )(run)
    if kind == "teachers":
        run = click.option(
            "--other", multiple=True, metavar="MÃ", help="Mã trong tệp là của người khác, dù trùng họ tên."
        )(run)
        run = click.option("--same", multiple=True, metavar="MÃ", help="Mã trong tệp là của người đã có trong hồ sơ.")(
            run
        )
    run.__doc__ = f"{KINDS[kind].title}. {KINDS[kind].hint}"
    command: click.Command = import_group.command(kind)(run)
    return command


def _words(report: imports.ImportReport) -> str:
    lines = [f"{report.title}: {report.file_name}, năm học {report.year_label}"]
    for ask in report.open_asks:
        lines.append(
            f"  HỎI   {ask.name} ({ask.code}) có phải {ask.known_code} trong hồ sơ ({ask.why})? "
            f"Chạy lại với --same {ask.code} hoặc --other {ask.code}."
        )
    for one in report.open_classes:
        lines.append(
            f"  HỎI   Lớp {one.name} chưa có trong năm học này (khối {one.name[0]} đang có {', '.join(one.beside)}; "
            f"{one.n_rows} dòng, ô {one.address}). Mở lớp mới? Chạy lại với --open-class {one.name}, hoặc sửa tên lớp trong tệp."
        )
    for problem in report.errors:
        lines.append(f"  LỖI   {problem}")
    for problem in report.warnings:
        lines.append(f"  chú ý {problem}")
    changes = [item for item in report.items if item.action == "change"]
    for item in changes[:_SHOWN_CHANGES]:
        said = "; ".join(
            f"{change.field}: {change.before or '(trống)'} -> {change.after} [{change.address}]"
            for change in item.changes
        )
        lines.append(f"  đổi   {item.group + ', ' if item.group else ''}{item.label}: {said}")
    if len(changes) > _SHOWN_CHANGES:
        lines.append(f"  … và {len(changes) - _SHOWN_CHANGES} dòng đổi nữa (xem đủ với --json)")
    lines += [f"  {note}" for note in report.notes]
    for line in report.counts:
        lines.append(f"  {line.noun}: {line.n_created} mới, {line.n_changed} đổi, {line.n_unchanged} giữ nguyên")
    if report.n_errors:
        lines.append(f"Có {report.n_errors} lỗi. Chưa ghi gì.")
    elif report.is_unanswered:
        lines.append("Còn điều cần trả lời. Chưa ghi gì.")
    elif report.applied:
        lines.append("Đã ghi." if report.n_changes else "Không có gì mới để ghi.")
    else:
        lines.append("Mới xem trước, chưa ghi gì. Ghi thật: thêm --apply.")
    return "\n".join(lines)


for _kind in KINDS:
    _command(_kind)

COMMANDS = [import_group]
