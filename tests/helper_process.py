"""The signing helper as its user starts it, in a terminal of its own (a pty), and the user in front of it."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import pty
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hocbaso_ky import PORT

ROOT = Path(__file__).resolve().parent.parent


class HelperProcess:
    """A running helper. ``replies`` says what the user types at each kind of question; ``screen`` is what they saw."""

    def __init__(
        self, folder: Path, module: str, *, prefix: tuple[str, ...] = (), options: tuple[str, ...] = ()
    ) -> None:
        self.folder = folder
        self.replies: dict[str, str | None] = {"co": "co", "pin": "", "lan cuoi": ""}
        self.screen = ""
        self._fd, inner = pty.openpty()
        kept = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "hocbaso_ky", "--module", module, "--hoi", "terminal", *options],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            cwd=ROOT / "signing_helper",
            env={**kept, "HOCBASO_KY_HOME": str(folder), "PYTHONUTF8": "1"},
            close_fds=True,
            start_new_session=True,
        )
        os.close(inner)
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        answered = 0
        while True:
            try:
                data = os.read(self._fd, 4096)
            except OSError:
                return
            if not data:
                return
            self.screen += data.decode("utf-8", "replace")
            new = self.screen[answered:]
            for mark, name in (("Gõ “co”", "co"), ("Gõ “lan cuoi”", "lan cuoi"), ("(không hiện khi gõ): ", "pin")):
                if mark in new and new.rstrip(" ").endswith(":"):
                    answered = len(self.screen)
                    reply = self.replies[name]
                    if reply is not None:
                        time.sleep(0.1)
                        os.write(self._fd, (reply + "\n").encode())
                    break

    def wait_for(self, words: str, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while words not in self.screen:
            assert time.monotonic() < end, f"the helper never said {words!r}:\n{self.screen}"
            assert self.process.poll() is None or words in self.screen, self.screen
            time.sleep(0.05)

    def type(self, line: str) -> None:
        """The user answers by hand (where ``replies`` says None)."""
        os.write(self._fd, (line + "\n").encode())

    def questions(self, title: str) -> int:
        return len(re.findall(re.escape(title), self.screen))

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        os.close(self._fd)


@contextmanager
def running(folder: Path, module: str, **more: Any) -> Iterator[HelperProcess]:
    """A helper that listens, and is ended afterwards. Its port is fixed: whoever tests with it waits for the others."""
    with (Path(tempfile.gettempdir()) / "hocbaso-ky-tests.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        found = HelperProcess(folder, module, **more)
        try:
            found.wait_for("Trình ký đang mở")
            yield found
        finally:
            found.stop()


class Caller:
    """Anything on this computer that can open a socket: sends exactly the headers it is told to."""

    def __init__(self, origin: str | None, host: str | None = None) -> None:
        self.origin, self.host, self.session = origin, host or f"127.0.0.1:{PORT}", "1"

    def send(self, method: str, path: str, body: Any = None, **headers: str | None) -> tuple[int, dict[str, Any], Any]:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        wanted: dict[str, str | None] = {"Host": self.host, "Origin": self.origin, "X-Hocbaso-Ky": self.session}
        if method == "POST":
            wanted |= {"Content-Type": "application/json", "Content-Length": str(len(data))}
        wanted |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in wanted.items():
            if value is not None:
                connection.putheader(name, value)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before it was all sent
            connection.endheaders(data)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text) if text else {}, answer.headers

    def post(self, path: str, body: Any = None, **headers: str | None) -> tuple[int, dict[str, Any]]:
        status, told, _ = self.send("POST", path, {} if body is None else body, **headers)
        return status, told

    def open(self) -> None:
        status, told = self.post("/phien")
        assert status == 200, told
        self.session = told["session"]
