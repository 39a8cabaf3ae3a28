"""Requests that are not whole hold nobody up; sheets take turns; what the application sees is what was sent."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hocbaso.cli.gateway import KEPT_BYTES, MOST_BYTES, MOST_UNFINISHED, ONE_BY_ONE, THREADS, Gateway, Lane
from tests.demo_site import running_server

FORM = "application/x-www-form-urlencoded"


class Headers:
    def __init__(self, *items: tuple[str, str]) -> None:
        self._items = items

    def get(self, name: str) -> str | None:
        return next((value for key, value in self._items if key == name), None)

    def items(self) -> list[tuple[str, str]]:
        return list(self._items)


@dataclass
class Scope:
    path: str = "/dang-nhap"
    method: str = "POST"
    headers: Headers = field(default_factory=Headers)
    query_string: str = ""
    client: str = "192.168.1.20:40000"
    server: str = "192.168.1.2:443"
    scheme: str = "https"
    http_version: str = "1.1"


class Stream:
    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    async def send_bytes(self, piece: bytes) -> None:
        self.pieces.append(piece)


class Proto:
    """The server's side of one request: pieces of a body, ``None`` for silence."""

    def __init__(self, *pieces: bytes | None) -> None:
        self._pieces = pieces
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.body: bytes | str = b""
        self.stream: Stream | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            if piece is None:
                await asyncio.sleep(3600)
            else:
                yield piece

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    response_str = response_bytes

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> Stream:
        self.status, self.headers, self.stream = status, headers, Stream()
        return self.stream


class Echo:
    """A WSGI application that keeps its environments and answers with the body."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.closed = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.seen.append(environ)
        start_response("200 OK", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
        return [environ["wsgi.input"].read()]


def ask(app: Any, scope: Scope, *pieces: bytes | None, silence: float = 0.05) -> Proto:
    proto = Proto(*pieces)
    gateway = Gateway(app, silence=silence)
    try:
        asyncio.run(gateway.__rsgi__(scope, proto))
    finally:
        gateway.__rsgi_del__(None)  # type: ignore[arg-type]
    return proto


def length(n: int, *more: tuple[str, str]) -> Headers:
    return Headers(("content-length", str(n)), ("content-type", FORM), *more)


def test_the_application_gets_the_whole_body_and_its_cookies_go_back_one_by_one() -> None:
    echo = Echo()
    headers = length(
        9,
        ("cookie", "x=1"),
        ("cookie", "y=2"),
        ("x-csrftoken", "t"),
        ("x_csrftoken", "forged"),
        ("accept", "a"),
        ("accept", "b"),
    )
    answer = ask(echo, Scope(path="/lớp/9A", query_string="q=%C3%A1", headers=headers), b"value", b"", b"=8,5")
    assert (answer.status, answer.body) == (200, b"value=8,5")
    assert answer.headers == [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    environ = echo.seen[0]
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/lớp/9A" and environ["QUERY_STRING"] == "q=%C3%A1"
    assert environ["REMOTE_ADDR"] == "192.168.1.20" and environ["wsgi.url_scheme"] == "https"
    assert environ["CONTENT_LENGTH"] == "9" and environ["CONTENT_TYPE"] == FORM
    assert (
        environ["HTTP_COOKIE"] == "x=1; y=2" and environ["HTTP_ACCEPT"] == "a,b" and environ["HTTP_X_CSRFTOKEN"] == "t"
    )


def test_an_address_of_the_newer_kind_is_written_without_brackets() -> None:
    echo = Echo()
    ask(echo, Scope(method="GET", client="[fe80::1]:5000"))
    assert echo.seen[0]["REMOTE_ADDR"] == "fe80::1"


@pytest.mark.parametrize(
    ("headers", "pieces", "status"),
    [
        (length(9), (b"value", None), 408),
        (length(9), (b"value", b"", b""), 400),
        (length(4), (b"value=8,5",), 400),
        (Headers(("transfer-encoding", "chunked")), (b"value=8,5",), 411),
        (Headers(("content-length", "-1")), (), 400),
        (Headers(("content-length", "٣")), (), 400),
    ],
    ids=["silence", "cut off", "too much", "of unknown length", "negative", "other digits"],
)
def test_what_is_not_whole_never_reaches_the_application(
    headers: Headers, pieces: tuple[bytes | None, ...], status: int
) -> None:
    echo = Echo()
    answer = ask(echo, Scope(headers=headers), *pieces)
    assert (answer.status, echo.seen) == (status, [])
    assert answer.body


def test_what_is_declared_too_long_is_not_read_and_left_to_the_application() -> None:
    echo = Echo()
    ask(echo, Scope(headers=length(MOST_BYTES + 1)), None)
    assert echo.seen[0]["CONTENT_LENGTH"] == str(MOST_BYTES + 1)


def test_one_address_cannot_hold_every_place_and_its_places_come_back() -> None:
    async def run() -> tuple[list[int], int]:
        gateway = Gateway(Echo(), silence=0.3)
        stuck = [Proto(b"v", None) for _ in range(MOST_UNFINISHED + 5)]
        waiting = [asyncio.create_task(gateway.__rsgi__(Scope(headers=length(9)), proto)) for proto in stuck]
        await asyncio.sleep(0.05)
        other = Proto(b"value=8,5")
        await gateway.__rsgi__(Scope(headers=length(9), client="192.168.1.21:1"), other)
        assert other.status == 200
        await asyncio.gather(*waiting)
        again = Proto(b"value=8,5")
        await gateway.__rsgi__(Scope(headers=length(9)), again)
        return sorted(proto.status for proto in stuck), again.status

    statuses, again = asyncio.run(run())
    assert statuses == [408] * MOST_UNFINISHED + [503] * 5
    assert again == 200


def test_a_long_answer_goes_piece_by_piece_and_is_closed() -> None:
    class Long:
        closed = 0

        def __iter__(self) -> Any:
            yield from (b"x" * (KEPT_BYTES // 2) for _ in range(5))

        def close(self) -> None:
            self.closed += 1

    long = Long()

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", "1")])
        return long

    answer = ask(app, Scope(method="GET"))
    assert answer.stream is not None and len(answer.stream.pieces) == 3
    assert sum(map(len, answer.stream.pieces)) == KEPT_BYTES // 2 * 5 and long.closed == 1


def test_a_fault_of_the_application_is_an_answer_too() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Any:
        raise ValueError("as asked")

    assert ask(app, Scope(method="GET")).status == 500


# --- turns ------------------------------------------------------------------------------------------------------------


class Watched:
    """Notes how many requests are inside at once; each stays until told."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self.go = threading.Event()
        self._mutex = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with self._mutex:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.go.wait(10)
        with self._mutex:
            self.inside -= 1
        start_response("200 OK", [])
        return [b""]


async def _inside(app: Watched, n: int) -> None:
    until = time.monotonic() + 10
    while app.inside < n and time.monotonic() < until:
        await asyncio.sleep(0.005)
    assert app.inside == n


def test_sheets_go_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> int:
        app = Watched()
        app.go.set()
        gateway = Gateway(app)
        gateway._lane = Lane(patience=60)
        scopes = [Scope(f"{ONE_BY_ONE}{number}", "GET") for number in range(40)]
        await asyncio.gather(*(gateway.__rsgi__(scope, Proto()) for scope in scopes))
        return app.most

    assert asyncio.run(run()) == 1


def test_behind_a_stuck_sheet_the_next_goes_beside_it_and_other_pages_do_not_queue() -> None:
    async def run() -> None:
        app = Watched()
        gateway = Gateway(app)
        paths = (f"{ONE_BY_ONE}1", f"{ONE_BY_ONE}2/o/3/TX1", "/hom-nay", "/hoc-ba/1")
        tasks = [asyncio.create_task(gateway.__rsgi__(Scope(path, "GET"), Proto())) for path in paths]
        await _inside(app, 4)
        app.go.set()
        await asyncio.gather(*tasks)

    asyncio.run(run())


def test_a_turn_that_nobody_waits_for_any_more_goes_to_the_next() -> None:
    async def run() -> None:
        lane = Lane(patience=60)
        first = await lane.enter()
        gone, kept = asyncio.create_task(lane.enter()), asyncio.create_task(lane.enter())
        await asyncio.sleep(0)
        lane.leave(first)
        gone.cancel()  # in the moment in which it was its turn
        await asyncio.wait_for(kept, 5)
        assert gone.cancelled()

    asyncio.run(run())


def test_the_gateway_holds_no_more_than_the_application_takes(app: Any) -> None:
    assert app.config["MAX_CONTENT_LENGTH"] == MOST_BYTES
    assert THREADS == 8  # promised by the interfaces


# --- the real server --------------------------------------------------------------------------------------------------


def test_tablets_that_lose_their_network_in_the_middle_of_a_form_stop_nobody(tmp_path: Path) -> None:
    with running_server(tmp_path / "instance") as base:
        port = int(base.rpartition(":")[2])
        lost = []
        for number in range(THREADS + 12):
            tablet = socket.create_connection(("127.0.0.1", port))
            tablet.sendall(
                f"POST /bang-diem/1/o/1/TX1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {FORM}\r\n"
                f"Content-Length: 80\r\n\r\nvalue={number}".encode()
            )
            lost.append(tablet)
        time.sleep(0.3)
        for _ in range(3):
            with urllib.request.urlopen(f"{base}/healthz", timeout=5) as answer:
                assert answer.status == 200
        with socket.create_connection(("127.0.0.1", port)) as cut:
            cut.sendall(
                f"POST /xac-thuc/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n".encode()
            )
            assert cut.recv(200).startswith(b"HTTP/1.1 411")
        for tablet in lost:
            tablet.close()
