"""A bad network between the browser and the server: writes are lost before or after the commit, late, or out of order."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


@dataclass
class BadNetwork:
    """What happens to a write: the shares are of all writes, the rest passes after a delay.

    ``lost_before``: never reaches the server. ``lost_after``: committed, but the answer is lost. ``late``: the connection
    breaks, and the request still reaches the server up to ``late_seconds`` later, so that its repetition overtakes it.
    ``down``: no write passes at all; pages still open.
    """

    upstream: str
    seed: int = 1
    lost_before: float = 0.0
    lost_after: float = 0.0
    late: float = 0.0
    delay_seconds: float = 0.0
    late_seconds: float = 0.5
    down: bool = False
    address: str = ""
    happened: Counter[str] = field(default_factory=Counter)
    stragglers: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._mutex = threading.Lock()

    def fate(self) -> tuple[str, float]:
        """What becomes of the next write, and how many seconds it is held up."""
        with self._mutex:
            draw, delay = self._chance.random(), self._chance.random() * self.delay_seconds
            bounds = (("lost before", self.lost_before), ("lost after", self.lost_after), ("late", self.late))
            found = "down" if self.down else "passed"
            for name, share in bounds if not self.down else ():
                if draw < share:
                    found = name
                    break
                draw -= share
            self.happened[found] += 1
            return found, delay

    def wait_for_stragglers(self) -> None:
        """Until every late request has reached the server."""
        for thread in list(self.stragglers):
            thread.join(10)


@contextmanager
def bad_network(upstream: str, **faults: float) -> Iterator[BadNetwork]:
    """A proxy on a loopback port of its own, until the block ends."""
    network = BadNetwork(upstream, **faults)  # type: ignore[arg-type]
    host = urlsplit(upstream).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            link = http.client.HTTPConnection(host, timeout=30)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            headers |= {"Host": self.headers.get("Host", host), "Connection": "close"}
            link.request(self.command, self.path, body or None, headers)
            reply = link.getresponse()
            found = reply.status, reply.getheaders(), reply.read()
            link.close()
            return found

        def cut(self) -> None:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(2)

        def answer(self, found: tuple[int, list[tuple[str, str]], bytes]) -> None:
            status, headers, body = found
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(body)
            self.close_connection = True

        def do_GET(self) -> None:
            self.answer(self.forward(b""))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if "/o/" not in self.path and not self.path.endswith("/khoi"):
                self.answer(self.forward(body))
                return
            what, delay = network.fate()
            if what in ("down", "lost before"):
                self.cut()
            elif what == "late":
                self.cut()
                wait = network.late_seconds * (0.2 + delay)
                thread = threading.Thread(target=lambda: (time.sleep(wait), self.forward(body)), daemon=True)
                network.stragglers.append(thread)
                thread.start()
            elif what == "lost after":
                self.forward(body)
                self.cut()
            else:
                time.sleep(delay)
                self.answer(self.forward(body))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    network.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield network
    finally:
        network.wait_for_stragglers()
        server.shutdown()
        thread.join(5)
        server.server_close()
