"""A small sample school behind the real server: `flask demo load`, then `flask serve` in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import databases
from tests.axe import findings
from tests.kept_work import made_once

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@dataclass(frozen=True)
class Site:
    """A served sample school: its address, its folder, and the accounts that `flask demo accounts` prints."""

    base: str
    instance: Path
    accounts: list[dict[str, Any]]

    def account(self, role: str) -> dict[str, Any]:
        """The sample account whose role begins so."""
        return next(account for account in self.accounts if account["role"].startswith(role))

    def flask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `flask` against this instance, beside the server, as somebody at a terminal would."""
        return run_flask(self.instance, *arguments)


def run_flask(instance: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `flask` on an instance folder; output and exit status are the caller's to judge."""
    return subprocess.run(
        [sys.executable, "-m", "flask", *arguments],
        cwd=ROOT,
        env=environment(instance),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def environment(instance: Path, port: int = 0) -> dict[str, str]:
    """The variables of a process that works on this instance and on nothing else of the machine."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("HOCBASO_", "DATABASE_URL", "SECRET"))
    }
    kept |= {"HOCBASO_INSTANCE": str(instance), "HOCBASO_WORKERS": "2", "HOST": "127.0.0.1"}
    kept.pop("PORT", None)
    if port:
        kept["PORT"] = str(port)
    if databases.ON_POSTGRESQL:
        instance.mkdir(parents=True, exist_ok=True)
        kept["DATABASE_URL"] = databases.url_for(instance)
    return kept


N_STUDENTS = 3
"""In each of the four classes of the sample school that tests serve."""


def load_sample(instance: Path, stage: str, factory: pytest.TempPathFactory) -> None:
    """A sample school at this stage in an empty folder; it is loaded once a run, and copied."""

    def make(place: Path) -> None:
        loaded = run_flask(place, "demo", "load", "--classes", "4", "--students", str(N_STUDENTS), "--stage", stage)
        assert loaded.returncode == 0, loaded.stdout + loaded.stderr

    if databases.ON_POSTGRESQL:  # its database is found by the folder's name: a copy would have none
        make(instance)
    else:
        shutil.copytree(made_once(f"sample-{stage}", factory, make), instance)


@contextmanager
def served(instance: Path, factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve a sample school that is about to be signed, in a folder that is not there yet; the server ends afterwards."""
    load_sample(instance, "signing", factory)
    accounts = json.loads(run_flask(instance, "demo", "accounts", "--json").stdout)
    with running_server(instance) as base:
        yield Site(base, instance, accounts)


@contextmanager
def running_server(instance: Path) -> Iterator[str]:
    """Serve an instance as it is, on the loopback; its address. An empty folder gets a database without a school."""
    instance.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (instance / "server.log").open("wb")
    server = subprocess.Popen(
        [sys.executable, "-m", "flask", "serve"], cwd=ROOT, env=environment(instance, port), stdout=log, stderr=log
    )
    base = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(server, base, instance / "server.log")
        yield base
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(5)
        log.close()


def _wait_until_ready(server: subprocess.Popen[bytes], base: str, log: Path) -> None:
    for _ in range(400):
        assert server.poll() is None, log.read_text("utf-8", "replace")
        try:
            with urllib.request.urlopen(f"{base}/healthz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError("the server did not become ready:\n" + log.read_text("utf-8", "replace"))


class Visitor:
    """A browser window of one person, which notes every console message, page error and refused request."""

    def __init__(self, browser: Any, site: Site, role: str | None = None, **options: Any) -> None:
        self.site = site
        self.account = site.account(role) if role else None
        self.context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 800}, "locale": "vi-VN", "has_touch": True, **options}
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.trouble: list[str] = []
        self.page.on(
            "console",
            lambda message: (
                self.trouble.append(f"{message.type}: {message.text}") if message.type in ("error", "warning") else None
            ),
        )
        self.page.on("pageerror", lambda error: self.trouble.append(f"page error: {error}"))
        if self.account:
            self.open("/dang-nhap")
            self.page.fill('input[name="username"]', self.account["username"])
            self.page.fill('input[name="password"]', self.account["password"])
            self.page.press('input[name="password"]', "Enter")
            self.page.wait_for_url(lambda url: "dang-nhap" not in url)

    def open(self, path: str) -> None:
        """Go to a page of the school; it must answer 200."""
        answer = self.page.goto(self.site.base + path)
        assert answer.status == 200, f"{path}: {answer.status}"

    def axe(self) -> list[str]:
        """What axe-core finds wrong on the page as it now stands."""
        return findings(self.page)
