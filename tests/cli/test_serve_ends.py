"""Nothing of the server outlives it: stopped in order or killed, its document workers end with it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.demo_site import ROOT, environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

SECONDS = 15.0
"""How long a process of the server may live after the main one has ended. An idle machine needs a little over one; a worker
that is cut off while it still loads its libraries learns of it only then, and on a busy machine that takes its time."""

BOUNDARY = "----mot-tep"


def _parents() -> dict[int, int]:
    """Process id -> parent's, of every living process of this machine that is not a zombie."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            found[int(entry.name)] = int(parent)
    return found


def _family(root: int) -> set[int]:
    parents = _parents()
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {root}


@contextmanager
def _server(instance: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (instance.parent / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "flask", "serve"], cwd=ROOT, env=environment(instance, port), stdout=log, stderr=log
        )
    family: set[int] = set()
    base = f"http://127.0.0.1:{port}"
    try:
        _until_ready(server, base, instance.parent / "server.log")
        yield server, base
        family = _family(server.pid)
    finally:
        family |= _family(server.pid)
        if server.poll() is None:
            server.kill()
            server.wait(5)
        for pid in family & set(_parents()):
            os.kill(pid, signal.SIGKILL)


def _until_ready(server: subprocess.Popen[bytes], base: str, log: Path) -> None:
    for _ in range(600):
        assert server.poll() is None, log.read_text("utf-8", "replace")
        try:
            with urllib.request.urlopen(f"{base}/healthz", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError("the server did not become ready:\n" + log.read_text("utf-8", "replace"))


def _start_document_workers(base: str) -> None:
    """Hold a file out to the public page, as a stranger would: a document worker judges it."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    page = browser.open(f"{base}/xac-thuc", timeout=10).read().decode()
    token = re.search(r'name="csrf-token" content="([^"]+)"', page)
    assert token is not None
    body = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{token[1]}\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="tep"; filename="a.pdf"\r\n'
        f"Content-Type: application/pdf\r\n\r\n%PDF-1.7\nkhong phai hoc ba\n%%EOF\r\n--{BOUNDARY}--\r\n"
    ).encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Referer": base}
    with contextlib.suppress(urllib.error.HTTPError):  # the worker's judgement: this is no transcript
        browser.open(urllib.request.Request(f"{base}/xac-thuc", body, kind), timeout=60).read()


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_the_document_workers_end_with_the_server(by: signal.Signals, tmp_path: Path) -> None:
    with _server(tmp_path / "instance") as (server, base):
        _start_document_workers(base)
        family = _family(server.pid)
        workers = {pid for pid in family if "spawn_main" in _command(pid)}
        assert workers, "no document worker was started: the test would prove nothing"
        server.send_signal(by)
        server.wait(10)  # not the fifteen seconds after which a worker is killed
        until = time.monotonic() + SECONDS
        while (left := family & set(_parents())) and time.monotonic() < until:
            time.sleep(0.05)
        told = {pid: _command(pid) for pid in left}
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not told
