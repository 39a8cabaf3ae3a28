"""``flask audit verify-file``: the log as a file, held against checkpoints kept elsewhere; no database, no instance, no network.

It is part of the stand-alone verifier, so nothing that knows the database is imported here.
"""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from dataclasses import asdict
from pathlib import Path

import click

from hocbaso.documents import checkpoints, log_file
from hocbaso.errors import DomainError, IntegrityFault

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("verify-file")
@click.argument("log", type=_FILE)
@click.option(
    "--checkpoint", "files", multiple=True, required=True, type=_FILE, help="Ảnh chụp giữ ở nơi khác (nhiều lần được)."
)
@click.option("--key", required=True, help="Khoá công khai của ảnh chụp (Base64), chép từ ngày đầu.")
@click.option("--json", "as_json", is_flag=True, help="In kết quả dạng JSON.")
def verify_file_command(log: Path, files: tuple[Path, ...], key: str, as_json: bool) -> None:
    """Kiểm tra một tệp nhật ký (flask audit export) bằng ảnh chụp giữ ở nơi khác; nêu dòng hỏng đầu tiên."""
    try:
        kept = [checkpoints.parse(_text(path), path.name, key) for path in files]
        with log_file.opened(log, "r") as lines:
            report = log_file.verify(log_file.read_rows(lines), kept)
    except DomainError as refusal:
        click.echo(f"Không làm được: {refusal.message}", err=True)
        sys.exit(1)
    except (OSError, EOFError, UnicodeDecodeError, gzip.BadGzipFile, zlib.error):
        click.echo(f"Không làm được: tệp {log.name} đọc không được đến hết.", err=True)
        sys.exit(1)
    if report.ok:
        words = f"Nhật ký nguyên vẹn: {report.n_entries} dòng nối nhau, {report.n_vouched} dòng đầu đúng như ảnh chụp."
        if report.n_vouched < report.n_entries:
            n_later = report.n_entries - report.n_vouched
            words += f"\n{n_later} dòng sau đó mới hơn mọi ảnh chụp đã đưa: cần ảnh chụp mới hơn để xác nhận."
    else:
        words = "\n".join(["Nhật ký không còn như đã chụp.", *(f"  {fault.message}" for fault in report.faults)])
    if as_json:
        found = {
            "ok": report.ok,
            "n_entries": report.n_entries,
            "n_vouched": report.n_vouched,
            "head": report.head_hash,
            "first_bad_row": asdict(report.faults[0]) if report.faults else None,
            "faults": [asdict(fault) for fault in report.faults],
        }
        words = json.dumps(found, ensure_ascii=False)
    click.echo(words)
    sys.exit(0 if report.ok else 1)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise IntegrityFault(f"Không đọc được ảnh chụp nhật ký {path.name}.") from None
