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

from hocbaso.config import PROJECT_ROOT, Config
from hocbaso.services import schema, setup

THREADS = 8
TARGET = "hocbaso.cli.serve:application"


def application() -> Flask:
    """The application of the worker process, with its scheduler ticking (called by the server there, never here)."""
    _die_with_parent()
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.WARNING)  # it says hello each minute
    # By name: the factory loads this module, and commands and jobs are edges that do not know each other; here the wiring
    # of a process is done.
    made: Flask = importlib.import_module("hocbaso.factory").create_app(serving=True)
    importlib.import_module("hocbaso.jobs.scheduler").start(made)
    gc.collect()
    gc.freeze()  # a full collection walked through 100,000 objects that live as long as the process
    return made


def _die_with_parent() -> None:
    """Ask the kernel to end this process when its parent is gone, so that no worker keeps the port and the database."""
    if sys.platform != "linux":
        return
    set_death_signal = 1  # PR_SET_PDEATHSIG
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(set_death_signal, signal.SIGTERM, 0, 0, 0)
    if parent == 1 or os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def server_command(settings: Config, host: str, port: int) -> tuple[list[str], bool]:
    """The server's command line, and whether it speaks TLS (``tls/cert.pem`` and ``tls/key.pem`` in the instance)."""
    command = [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--http",
        "1",
        "--host",
        host,
        "--port",
        str(port),
        "--workers",
        "1",
        "--blocking-threads",
        str(THREADS),
        "--workers-kill-timeout",
        "15",
        "--no-ws",
        "--working-dir",
        str(PROJECT_ROOT),
        "--factory",
    ]
    certificate, key = settings.instance / "tls" / "cert.pem", settings.instance / "tls" / "key.pem"
    secure = certificate.is_file() and key.is_file()
    if secure:
        command += ["--ssl-certificate", str(certificate), "--ssl-keyfile", str(key), "--ssl-protocol-min", "tls1.2"]
    return [*command, TARGET], secure


@click.command("serve")
@click.option("--host", envvar="HOST", default="127.0.0.1", show_default=True, help="Địa chỉ lắng nghe (HOST).")
@click.option(
    "--port", envvar="PORT", default=5000, show_default=True, type=click.IntRange(1, 65535), help="Cổng (PORT)."
)
@with_appcontext
def serve_command(host: str, port: int) -> None:
    """Chạy máy chủ của trường."""
    if current_app.debug or os.environ.get("FLASK_DEBUG", "0").lower() not in ("", "0", "false", "no"):
        raise click.UsageError("Không chạy máy chủ khi FLASK_DEBUG đang bật.")
    settings: Config = current_app.config["HOCBASO"]
    schema.upgrade()
    command, secure = server_command(settings, host, port)
    address = f"{'https' if secure else 'http'}://{host}:{port}"
    code = setup.ensure_code(settings.instance)
    if code is not None:
        click.echo(f"\n  Máy chủ chưa có trường nào. Mở {address}/thiet-lap/\n  Mã thiết lập: {code}\n")
    click.echo(f"Máy chủ: {address}  (dừng: Ctrl+C)")
    if not secure and host not in ("127.0.0.1", "localhost", "::1"):
        click.echo("Chú ý: đường truyền trong mạng chưa mã hoá (chưa có tls/cert.pem và tls/key.pem).")
    environment = {
        **os.environ,
        "HOCBASO_INSTANCE": str(settings.instance.resolve()),
        # The C library keeps up to eight heaps a core, each with its own rest: 4 MB more for nothing.
        "MALLOC_ARENA_MAX": os.environ.get("MALLOC_ARENA_MAX", "2"),
    }
    if secure:
        environment["HOCBASO_HTTPS"] = "1"
    sys.stdout.flush()
    _become(command, environment)


def _become(command: list[str], environment: dict[str, str]) -> Any:
    os.chdir(PROJECT_ROOT)
    os.execve(command[0], command, environment)


COMMANDS = [serve_command]
