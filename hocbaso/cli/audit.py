"""``flask audit``: the log and its snapshots; ``flask check-instance``: everything at once."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from hocbaso import clock
from hocbaso.cli.output import any_schema, emit, json_option, refusals, working
from hocbaso.errors import NotFound
from hocbaso.services import audit_verify, document_pool, instance_check, schema, snapshots
from hocbaso.services.access import SYSTEM

audit_group = AppGroup("audit", help="Nhật ký: kiểm tra, ảnh chụp có chữ ký, so sánh.")


@audit_group.command("verify")
@click.option(
    "--against",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Ảnh chụp giữ ở nơi khác (nhiều lần được).",
)
@click.option("--key", help="Khoá công khai của các ảnh chụp đó (Base64); bỏ trống: khoá của máy này.")
@json_option
@refusals
def verify_command(files: tuple[Path, ...], key: str | None, as_json: bool) -> None:
    """Kiểm tra chuỗi nhật ký, ảnh chụp, và từng giá trị hiện có; nêu dòng hỏng đầu tiên."""
    with working("Đang kiểm tra nhật ký"):
        report = audit_verify.verify(against=[snapshots.read_file(path, key) for path in files])
    if not report.n_entries:
        raise NotFound(
            f"Không có nhật ký nào ở {current_app.config['HOCBASO'].instance}: sai thư mục, hoặc chưa lập trường."
        )
    if report.ok:
        words = (
            f"Nhật ký nguyên vẹn: {report.n_entries} dòng, {report.n_snapshots} ảnh chụp, "
            f"{report.n_values} dòng dữ liệu đúng như lần ghi cuối."
        )
    else:
        words = "\n".join(
            [
                "Nhật ký hoặc dữ liệu đã bị sửa ngoài phần mềm.",
                *(f"  {fault.message}{' (' + fault.detail + ')' if fault.detail else ''}" for fault in report.faults),
            ]
        )
    first = report.faults[0] if report.faults else None
    emit(
        {
            "ok": report.ok,
            "n_entries": report.n_entries,
            "n_values": report.n_values,
            "n_snapshots": report.n_snapshots,
            "head": report.head_hash,
            "first_bad_row": asdict(first) if first else None,
            "faults": [asdict(fault) for fault in report.faults],
        },
        as_json=as_json,
        words=words,
    )
    sys.exit(0 if report.ok else 1)


@audit_group.command("key")
@json_option
@refusals
def key_command(as_json: bool) -> None:
    """Khoá công khai của ảnh chụp: chép ra nơi khác ngay từ ngày đầu, để sau này đối chiếu."""
    key = snapshots.public_key()
    if key is None:
        raise NotFound("Chưa có ảnh chụp nào nên chưa có khoá. Tạo bằng: flask audit snapshot")
    emit({"key": key}, as_json=as_json, words=key)


@audit_group.command("snapshot")
@json_option
@refusals
def snapshot_command(as_json: bool) -> None:
    """Chụp và ký ảnh nhật ký ngay bây giờ."""
    taken = snapshots.take(SYSTEM, clock.now())
    emit(
        {"id": taken.id, "day": taken.day, "n_entries": taken.n_entries, "root": taken.root},
        as_json=as_json,
        words=f"Ảnh chụp số {taken.id}: {taken.n_entries} dòng, gốc {taken.root[:16]}…",
    )


@audit_group.command("diff")
@click.argument("first", type=int)
@click.argument("second", type=int)
@json_option
@refusals
def diff_command(first: int, second: int, as_json: bool) -> None:
    """Điều gì đã thay đổi giữa hai ảnh chụp (số của ảnh)."""
    entries = snapshots.difference(first, second)
    if as_json:
        for entry in entries:
            click.echo(
                json.dumps(
                    {
                        "seq": entry.seq,
                        "at": entry.at,
                        "tag": entry.tag,
                        "actor": entry.actor_name,
                        "target": f"{entry.target_kind}/{entry.target_id}",
                        "payload": json.loads(entry.payload),
                    },
                    ensure_ascii=False,
                )
            )
        return
    for entry in entries:
        click.echo(
            f"{entry.seq:>7}  {entry.at[:19]}  {entry.tag:<28} {entry.actor_name:<28} "
            f"{entry.target_kind}/{entry.target_id}"
        )
    click.echo(f"{len(entries)} dòng.")


@click.command("check-instance")
@click.option(
    "--upgrade", is_flag=True, help="Đưa cơ sở dữ liệu lên bản của phần mềm trước (dùng cho bản phục hồi thử)."
)
@json_option
@with_appcontext
@refusals
@any_schema
def check_instance_command(upgrade: bool, as_json: bool) -> None:
    """Kiểm tra cả nơi này: nhật ký, giá trị, tài liệu, chữ ký."""
    schema.upgrade() if upgrade else schema.make_new()
    try:
        with working("Đang kiểm tra cả nơi này"):
            found = instance_check.check(clock.now())
    finally:
        document_pool.close()
    words = (
        f"{found.n_entries} dòng nhật ký, {found.n_documents} tài liệu, {found.n_signatures} chữ ký hợp lệ."
        if not found.problems
        else "\n".join(found.problems)
    )
    words = "\n".join([words, *(f"Để biết: {notice}" for notice in found.notices)])
    emit(found, as_json=as_json, words=words)
    sys.exit(1 if found.problems else 0)


COMMANDS = [audit_group, check_instance_command]
