"""``flask serve``: one process, eight threads, its own TLS.

The command prepares the database, prints the set-up code of an empty school, and then becomes the server's parent
process: a small one, because it never loads the application. The application lives in one worker, which also runs the
scheduler and goes away with its parent, however the parent dies.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import logging
import os
import signal
import sys
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from hocbaso import clock
from hocbaso.cli import plain_port
from hocbaso.cli.gateway import Gateway
from hocbaso.cli.output import any_schema, refusals
from hocbaso.config import PROJECT_ROOT, Config
from hocbaso.documents.parent_watch import end_with_parent
from hocbaso.errors import DomainError, Unavailable, WrongState
from hocbaso.services import accounts, lan_addresses, schema, setup, tls, tls_check
from hocbaso.services.access import SYSTEM

RESPAWN_SECONDS = "20"
"""On a new certificate the old worker serves this long beside the fresh one; a slow machine needs ten to load the pages."""

LAST_SECONDS = 1.0
"""For the answers that are on their way when the main process is killed; a save takes a hundredth of it."""

TARGET = "hocbaso.cli.serve:gateway"


def application() -> Flask:
    """The application of the worker process, with its scheduler ticking (called by the server there, never here)."""
    _die_with_parent()
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.WARNING)  # it says hello each minute
    # By name: the factory loads this module, and commands and jobs are edges that do not know each other; here the wiring
    # of a process is done.
    made: Flask = importlib.import_module("hocbaso.factory").create_app(serving=True)
    importlib.import_module("hocbaso.web.first_page").make_ready(made)
    scheduler = importlib.import_module("hocbaso.jobs.scheduler").start(made)
    settings: Config = made.config["HOCBASO"]
    if settings.https:
        importlib.import_module("hocbaso.jobs.certificate_watch").start(made, scheduler)
        if settings.plain_port is not None:
            plain_port.start(made, os.environ.get("HOCBASO_LISTEN", "127.0.0.1"), settings.plain_port)
    gc.collect()
    gc.freeze()  # a full collection walked through 100,000 objects that live as long as the process
    return made


def gateway() -> Gateway:
    """What the server calls in the worker process."""
    made = application()
    if address := os.environ.get("HOCBASO_READY"):
        print(f"Sẵn sàng: mở {address}  (dừng: Ctrl+C)", flush=True)
    return Gateway(made, at_end=_end)


def _end() -> None:
    """Leave at once when the last answer is given, without putting anything in order.

    The server's way out would wait for the document workers, which nobody has told to stop: fifteen seconds at each Ctrl+C.
    Telling them would settle the waiting items of a running batch as failed; cut off here they wait, as after a power cut.
    """
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)


def _die_with_parent() -> None:
    """End with the parent, so that no worker keeps the port and the database: asked to at once, made to soon after.

    The server's answer to the signal waits for its threads, a keep-alive connection among them, for as long as they like.
    """
    end_with_parent(LAST_SECONDS)
    if sys.platform != "linux":
        return
    set_death_signal = 1  # PR_SET_PDEATHSIG
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(set_death_signal, signal.SIGTERM, 0, 0, 0)
    if parent == 1 or os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def speaks_tls(settings: Config) -> bool:
    """Whether this instance is served over HTTPS.

    Raises Unavailable for a pair that is there and cannot be used: falling back to plain HTTP would be the one mistake
    that nobody notices.
    """
    there = tls.held(settings)
    if settings.tls_off or (there.leaf is None and there.pair_fault is None):
        return False
    if there.pair_fault is not None:
        raise Unavailable(f"{there.pair_fault} Sửa lại, hoặc chạy không mã hoá bằng HOCBASO_TLS=off.")
    return True


def server_command(settings: Config, host: str, port: int, *, secure: bool) -> list[str]:
    """The server's command line; ``secure``: with the pair under ``tls/`` in the instance."""
    command = [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "rsgi",
        "--http",
        "1",
        "--host",
        host,
        "--port",
        str(port),
        "--workers",
        "1",
        "--workers-kill-timeout",
        "15",
        "--respawn-interval",
        RESPAWN_SECONDS,
        "--no-ws",
        "--working-dir",
        str(PROJECT_ROOT),
        "--factory",
    ]
    if secure:
        certificate, key = settings.tls / "cert.pem", settings.tls / "key.pem"
        command += ["--ssl-certificate", str(certificate), "--ssl-keyfile", str(key), "--ssl-protocol-min", "tls1.2"]
    return [*command, TARGET]


def default_plain_port(host: str, port: int) -> int | None:
    """Where untaught tablets come first: 80 beside 443, else the next number; nowhere when only this machine is served."""
    if lan_addresses.is_loopback(host):
        return None
    return 80 if port == 443 else port + 1


def _guard_plain(host: str, settings: Config) -> None:
    """Plain HTTP in the network of a real school only when somebody said so; then it is written down."""
    if lan_addresses.is_loopback(host):
        return
    if not settings.tls_off and not accounts.is_demo():
        raise WrongState(
            f"Máy chủ sắp nghe ở {host} mà chưa có chứng thư: mật khẩu và điểm sẽ đi trong mạng không được che.",
            details=(
                "Tạo chứng thư: flask tls init [--host TÊN_HOẶC_IP], rồi chạy lại.",
                "Chỉ dùng trên máy này: bỏ HOST.",
                "Vẫn muốn chạy không mã hoá: HOCBASO_TLS=off (được ghi vào nhật ký, mọi trang mang dòng cảnh báo).",
            ),
        )
    tls.note_plain_mode(SYSTEM, host, clock.now())
    click.echo("Chú ý: đường truyền trong mạng KHÔNG mã hoá; mọi trang mang dòng cảnh báo.")


@click.command("serve")
@click.option("--host", envvar="HOST", default="127.0.0.1", show_default=True, help="Địa chỉ lắng nghe (HOST).")
@click.option(
    "--port", envvar="PORT", default=5000, show_default=True, type=click.IntRange(1, 65535), help="Cổng (PORT)."
)
@click.option(
    "--http-port",
    envvar="HOCBASO_PLAIN_PORT",
    type=click.IntRange(0, 65535),
    help="Cổng HTTP chỉ để phát trang hướng dẫn tin cậy khi đã có HTTPS; 0: không mở. Mặc định 80 bên cạnh 443, nếu không thì PORT+1.",
)
@with_appcontext
@refusals
@any_schema
def serve_command(host: str, port: int, http_port: int | None) -> None:
    """Chạy máy chủ của trường."""
    if current_app.debug or os.environ.get("FLASK_DEBUG", "0").lower() not in ("", "0", "false", "no"):
        raise click.UsageError("Không chạy máy chủ khi FLASK_DEBUG đang bật.")
    settings: Config = current_app.config["HOCBASO"]
    schema.upgrade()
    secure = speaks_tls(settings)
    if secure:
        _renew(settings)  # a server that was off all summer must not begin with an expired certificate
    else:
        _guard_plain(host, settings)
    command = server_command(settings, host, port, secure=secure)
    address = f"{'https' if secure else 'http'}://{host}:{port}"
    code = setup.ensure_code(settings.instance)
    if code is not None:
        click.echo(f"\n  Máy chủ chưa có trường nào. Mở {address}/thiet-lap/\n  Mã thiết lập: {code}\n")
    click.echo("Máy chủ đang khởi động…")
    environment = {
        **os.environ,
        "HOCBASO_INSTANCE": str(settings.instance.resolve()),
        # The C library keeps up to eight heaps a core, each with its own rest. One interpreter runs at a time, so one heap
        # is enough: three MB less than two heaps.
        "MALLOC_ARENA_MAX": os.environ.get("MALLOC_ARENA_MAX", "1"),
        # Left alone it learns from the first large upload to put the next ones into that heap, where they leave holes: ten MB more.
        "MALLOC_MMAP_THRESHOLD_": os.environ.get("MALLOC_MMAP_THRESHOLD_", "1048576"),
        "PYTHONNODEBUGRANGES": "1",  # the columns under the lines of a traceback are one MB of the loaded program
    }
    # What ends without a word leaves semaphores behind, and multiprocessing complains of them in the terminal while it clears them.
    environment["PYTHONWARNINGS"] = "ignore::UserWarning:multiprocessing.resource_tracker"
    environment["PORT"], environment["HOCBASO_LISTEN"], environment["HOCBASO_READY"] = str(port), host, address
    environment.pop("HOCBASO_PLAIN_PORT", None)
    if secure:
        environment["HOCBASO_HTTPS"] = "1"
        plain = default_plain_port(host, port) if http_port is None else http_port
        if plain:
            environment["HOCBASO_PLAIN_PORT"] = str(plain)
            click.echo(f"Máy tính bảng chưa tin máy chủ: mở http://{host}:{plain}/tin-cay")
    sys.stdout.flush()
    _become(command, environment)


def _renew(settings: Config) -> None:
    try:
        if tls.renew_if_due(SYSTEM, clock.now()) is not None:
            click.echo("Đã gia hạn chứng thư HTTPS.")
    except DomainError as refusal:
        click.echo(f"Chú ý: {refusal.message}")
    for finding in tls_check.examine(settings, clock.now()):
        if finding.level != "ok":
            click.echo(f"Chú ý: {finding.message}")


def _become(command: list[str], environment: dict[str, str]) -> Any:
    os.chdir(PROJECT_ROOT)
    os.execve(command[0], command, environment)


COMMANDS = [serve_command]
