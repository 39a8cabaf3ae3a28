"""``flask audit``: the log and its snapshots; ``flask check-instance``: everything at once."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from hocbaso import clock
from hocbaso.cli.log_verify import verify_file_command
from hocbaso.cli.output import any_schema, emit, json_option, refusals, working
from hocbaso.errors import NotFound
from hocbaso.services import (
    audit_verify,
    document_pool,
    instance_check,
    log_export,
    log_words,
    schema,
    snapshot_diff,
    snapshots,
)
from hocbaso.services.access import SYSTEM
from hocbaso.services.log_names import Names

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
        {
            "id": taken.id,
            "day": taken.day,
            "n_entries": taken.n_entries,
            "root": taken.root,
            "n_lines": taken.n_lines,
            "data_root": taken.data_root,
            "data_digest": taken.data_digest,
        },
        as_json=as_json,
        words=f"Ảnh chụp số {taken.id}, kèm bản trích {taken.n_lines} dòng kết quả.\n{snapshots.printed_line(taken)}",
    )


@audit_group.command("diff")
@click.argument("first")
@click.argument("second")
@json_option
@refusals
def diff_command(first: str, second: str, as_json: bool) -> None:
    """Điều gì đã thay đổi giữa hai ảnh chụp, ai làm, vì sao.

    FIRST, SECOND: số của ảnh chụp, hoặc ngày (20/5, 20/5/2027, 2027-05-20): ảnh chụp cuối cùng đến hết ngày ấy;
    ngày vừa qua một hạn: ảnh chụp của chính hạn ấy.
    """
    today = clock.local_date(clock.now())
    lines = [snapshot_diff.find(wanted, today) for wanted in (first, second)]
    with working("Đang đọc nhật ký"):
        found = snapshot_diff.difference(lines[0], lines[1])
    if as_json:
        names = Names()
        for entry in snapshots.between(found.first.n_entries, found.second.n_entries):
            click.echo(json.dumps(_entry_json(names, entry), ensure_ascii=False))
        for one in found.unlogged:
            click.echo(json.dumps({"unlogged": asdict(one)}, ensure_ascii=False))
        if found.not_compared:
            click.echo(json.dumps({"not_compared": found.not_compared}, ensure_ascii=False))
        return
    click.echo(f"Từ ảnh chụp {found.first.words}")
    click.echo(f"đến ảnh chụp {found.second.words}: {found.n_entries} dòng nhật ký, khớp cả hai ảnh chụp.")
    for kind, words, n_rows in found.by_kind:
        click.echo(f"\n{words[:1].upper()}{words[1:]}: {n_rows}")
        for row in found.rows:
            if row.kind != kind:
                continue
            click.echo(f"  {row.about}")
            for change in row.changes:
                before = "(chưa có)" if change.before is None else change.before
                click.echo(f"    {change.what}: {before} -> {change.after}")
            left_out = row.n_acts - len(row.acts)
            for number, act in enumerate(row.acts):
                if number == 1 and left_out:
                    click.echo(f"    … và {left_out} lần nữa")
                why = f" ({act.why})" if act.why else ""
                click.echo(f"    {clock.local(act.at):%H:%M %d/%m/%Y} {act.who}: {act.what}{why}, dòng {act.seq}")
    if found.unlogged:
        click.echo(f"\nBản chụp khác nhau {len(found.unlogged)} dòng mà nhật ký không nói đến:")
        for one in found.unlogged:
            click.echo(f"  {one.words}")
    if found.not_compared:
        click.echo(f"\n{found.not_compared}")
    click.echo("\nMọi việc trong khoảng này:")
    for tag, n_times in found.by_tag:
        click.echo(f"  {n_times:>6}  {log_words.act_words(tag, {})}")


def _entry_json(names: Names, entry: Any) -> dict[str, object]:
    payload = json.loads(entry.payload)
    changes = log_words.changes_of_entry(names, entry.target_kind, payload)
    return {
        "seq": entry.seq,
        "at": entry.at,
        "tag": entry.tag,
        "actor": entry.actor_name,
        "target": f"{entry.target_kind}/{entry.target_id}",
        "act": log_words.act_words(entry.tag, payload),
        "reason": log_words.reason_of(payload),
        "changes": [asdict(change) for change in changes],
        "payload": payload,
    }


@audit_group.command("export")
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Tệp .jsonl hoặc .jsonl.gz."
)
@json_option
@refusals
def export_command(out: Path, as_json: bool) -> None:
    """Chép cả nhật ký ra một tệp, để người khác kiểm tra bằng verify-file (có mọi điểm: giữ như bản sao lưu)."""
    with working("Đang chép nhật ký"):
        n_entries = log_export.write(SYSTEM, out, clock.now())
    emit({"n_entries": n_entries, "file": str(out)}, as_json=as_json, words=f"Đã chép {n_entries} dòng vào {out}.")


audit_group.add_command(verify_file_command)


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
