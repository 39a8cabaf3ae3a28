"""``flask backup``: make, list, verify and restore archives."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup

from hocbaso import clock
from hocbaso.cli.output import any_schema, emit, json_option, refusals, working
from hocbaso.db import write_transaction
from hocbaso.errors import NotFound
from hocbaso.regulations.audit_tags import AuditTag
from hocbaso.services import audit, backups, schema
from hocbaso.services.access import SYSTEM

backup_group = AppGroup("backup", help="Sao lưu và phục hồi.")


@backup_group.command("create")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Thư mục đặt bản sao.")
@json_option
@refusals
@any_schema
def create_command(out: Path | None, as_json: bool) -> None:
    """Sao lưu ngay, trong lúc trường vẫn làm việc."""
    schema.make_new(allow_behind=True)
    with working("Đang sao lưu"):
        path = backups.create(SYSTEM, clock.now(), out=out)
    emit({"path": str(path), "n_bytes": path.stat().st_size}, as_json=as_json, words=f"Đã sao lưu: {path}")


@backup_group.command("list")
@json_option
@refusals
@any_schema
def list_command(as_json: bool) -> None:
    """Các bản sao lưu, mới nhất trước."""
    found = backups.listing()
    if not found:
        schema.require_there()
    lines = [
        f"{info.taken_at[:16]}  {info.n_bytes / 1e6:8.1f} MB  {info.n_documents:>6} tài liệu  {info.name}"
        for info in found
    ]
    away = backups.last_elsewhere() if schema.is_there() else None
    if away is not None:
        lines.append(
            f"{away.taken_at[:16]}  {away.n_bytes / 1e6:8.1f} MB  {away.n_documents:>6} tài liệu  {away.path} (nơi khác)"
        )
    emit(
        [backups.as_json(info) for info in found],
        as_json=as_json,
        words="\n".join(lines) or "Chưa có bản sao lưu nào. Tạo bằng: flask backup create",
    )


@backup_group.command("verify")
@click.argument("archive", required=False)
@json_option
@refusals
@any_schema
def verify_command(archive: str | None, as_json: bool) -> None:
    """Phục hồi thử một bản sao (mặc định: bản mới nhất) và kiểm tra mọi thứ trong đó."""
    # A copy is tried on a new machine before anything is restored there (docs/operations.md): that needs no school and makes none.
    is_there = schema.is_there()
    if is_there:
        schema.make_new()
    elif not archive:
        schema.require_there()
    path = backups.find(archive) if archive else _newest()
    with working("Đang phục hồi thử và kiểm tra"):
        check = backups.verify(path)
    if check.ok and is_there and path.parent.resolve() == current_app.config["HOCBASO"].backups.resolve():
        with write_transaction():
            audit.record(
                AuditTag.BACKUP_VERIFIED,
                SYSTEM,
                clock.now(),
                target_kind="backup",
                target_id=path.name[:40],
                facts={"file": path.name, "n_signatures": check.n_signatures},
            )
    words = (
        f"Bản sao {check.name} phục hồi được: {check.n_members} tệp, {check.n_documents} tài liệu, "
        f"{check.n_entries} dòng nhật ký, {check.n_signatures} chữ ký hợp lệ."
        if check.ok
        else "\n".join([f"Bản sao {check.name} có vấn đề:", *(f"  {p}" for p in check.problems)])
    )
    emit(
        {
            "ok": check.ok,
            "name": check.name,
            "n_members": check.n_members,
            "n_documents": check.n_documents,
            "n_entries": check.n_entries,
            "n_signatures": check.n_signatures,
            "problems": check.problems,
        },
        as_json=as_json,
        words=words,
    )
    sys.exit(0 if check.ok else 1)


def _newest() -> Path:
    found = backups.listing()
    if not found:
        raise NotFound("Chưa có bản sao lưu nào. Tạo bằng: flask backup create")
    return Path(found[0].path)


@backup_group.command("restore")
@click.argument("archive")
@json_option
@refusals
@any_schema
def restore_command(archive: str, as_json: bool) -> None:
    """Phục hồi vào nơi này; chỉ khi nơi này còn trống (chưa có tài khoản nào)."""
    path = backups.find(archive)
    with working("Đang phục hồi"):
        names = backups.restore_here(path)
        schema.upgrade()
    with write_transaction():
        audit.record(
            AuditTag.BACKUP_RESTORED,
            SYSTEM,
            clock.now(),
            target_kind="backup",
            target_id=path.name[:40],
            facts={"file": path.name, "n_files": len(names)},
        )
    emit(
        {"restored": len(names), "files": names},
        as_json=as_json,
        words=f"Đã phục hồi {len(names)} tệp từ {path.name}. Kiểm tra lại: flask audit verify"
        + (
            f"\nCấu hình cũ nằm ở {backups.OLD_SETTINGS}, chưa dùng: xem lại rồi chép phần cần vào config.toml."
            if backups.OLD_SETTINGS in names
            else ""
        ),
    )


COMMANDS = [backup_group]
