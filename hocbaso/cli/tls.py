"""``flask tls``: the school's own authority and the certificate of its server."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click
from flask import current_app
from flask.cli import AppGroup

from hocbaso import clock
from hocbaso.cli.output import emit, json_option, refusals
from hocbaso.config import Config
from hocbaso.documents.lan_authority import fingerprint, in_groups
from hocbaso.services import tls
from hocbaso.services.access import SYSTEM

tls_group = AppGroup("tls", help="HTTPS trong mạng của trường: chứng thư gốc và chứng thư của máy chủ.")

_TEACH = """
Máy tính bảng tin máy chủ này bằng cách nào:
  1. Khởi động lại máy chủ (flask serve); nó in ra địa chỉ http://{name}:…/tin-cay. Mở trang đó trên từng máy,
     in ra và treo ở phòng giáo viên.
  2. Cài tệp thành “Chứng chỉ CA”, không phải “Chứng chỉ Wi-Fi”.
  3. So dấu vân tay máy hiện ra với dấu dưới đây; khác một chữ thì gỡ ngay. Chép dấu này vào sổ của trường.

Dấu vân tay SHA-256 của chứng thư gốc:
{mark}
"""


def _in_rows(mark: str) -> str:
    groups = in_groups(mark)
    return "\n".join("  " + " ".join(groups[start : start + 4]) for start in range(0, 16, 4))


@tls_group.command("init")
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="TÊN_HOẶC_IP",
    help="Tên máy hoặc địa chỉ trong mạng của trường (nhiều lần được); bỏ trống: các địa chỉ của máy này.",
)
@click.option("--new-ca", is_flag=True, help="Thay chứng thư gốc: mọi máy tính bảng phải cài lại.")
@click.option("--yes", is_flag=True, help="Không hỏi lại khi thay chứng thư gốc.")
@json_option
@refusals
def init_command(hosts: tuple[str, ...], new_ca: bool, yes: bool, as_json: bool) -> None:
    """Tạo chứng thư gốc và chứng thư máy chủ; lần sau chỉ gia hạn chứng thư máy chủ dưới gốc cũ."""
    settings: Config = current_app.config["HOCBASO"]
    old = tls.held(settings).authority
    if new_ca and old is not None and not yes:
        mark = " ".join(in_groups(fingerprint(old))[:4])
        click.echo(
            f"Gốc hiện có: {mark}…. Thay gốc thì mọi máy tính bảng đang dùng sẽ báo không an toàn cho đến khi cài gốc "
            "mới, và khoá của gốc cũ bị xoá.",
            err=True,
        )
        if not sys.stdin.isatty():
            raise click.UsageError("Thay chứng thư gốc cần xác nhận: thêm --yes.")
        click.confirm("Thay chứng thư gốc?", abort=True, err=True)
    issued = tls.init(SYSTEM, hosts, clock.now(), new_authority=new_ca)
    done = "Đã tạo chứng thư gốc và chứng thư máy chủ" if issued.new_authority else "Đã gia hạn chứng thư máy chủ"
    words = (
        f"{done} cho {', '.join(issued.names)}, đến {clock.local(issued.leaf_ends_at):%d/%m/%Y}.\n"
        f"Gốc dùng đến {clock.local(issued.root_ends_at):%d/%m/%Y}; máy chủ tự gia hạn phần của mình."
    )
    if issued.new_authority:
        words += "\n" + _TEACH.format(
            name=issued.names[0],
            mark=_in_rows(issued.root_fingerprint),
        )
    else:
        words += (
            "\nMáy chủ đang chạy tự đổi sang chứng thư mới khi không ai đang làm việc; muốn ngay thì khởi động lại."
        )
    words += f"\nDấu vân tay của máy chủ, để so khi ghép chương trình ký trên máy của người ký:\n{_in_rows(issued.leaf_fingerprint)}"
    ends = {name: getattr(issued, name).isoformat() for name in ("leaf_ends_at", "root_ends_at")}
    emit(asdict(issued) | ends, as_json=as_json, words=words)


COMMANDS = [tls_group]
