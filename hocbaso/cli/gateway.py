"""Between the server and the application: no thread for a request that is not whole, sheets one after the other.

The server (granian, RSGI) hands over requests as coroutines. Handed to threads directly, eight tablets that lose the Wi-Fi
in the middle of a form would hold all eight threads for as long as their sockets stay open, and nobody could save. Here a
thread gets a request when its last byte has come.
"""

from __future__ import annotations

import asyncio
import io
import logging
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

log = logging.getLogger("hocbaso.gateway")

THREADS = 8
SILENCE_SECONDS = 20.0
"""A body of which nothing more comes for so long is given up; the tablet sends the score again from its own store."""
BODY_SECONDS = 300.0
MOST_BYTES = 8 * 1024 * 1024
"""What is declared longer is not read: the application refuses it by its length (``MAX_CONTENT_LENGTH``)."""
LARGE_BYTES = 256 * 1024
MOST_LARGE = 6
"""Large bodies held at once; the next ones wait for their turn to be read."""
MOST_UNFINISHED = 48
"""Requests of one address whose bodies are not whole; a tablet opens six connections."""
KEPT_BYTES = 4 * 1024 * 1024
"""A longer answer is passed on piece by piece."""
SEND_SECONDS = 60.0

ONE_BY_ONE = ("/bang-diem/", "/hom-nay")
"""Sheets and their cells, and the day's page: forty of them side by side hinder each other, because each call into the database gives the
interpreter away and has to win it back (two cores, eight threads: 119 openings a second; one after the other: 187)."""
PATIENCE_SECONDS = 0.15
"""A request that takes longer (the disk, a long import before it) lets the next one go beside it. Twice as long as a first
opening on a slow machine: with less, forty of those ran side by side after all, each with a thread and a connection of one MB."""

Headers = list[tuple[str, str]]
Answer = tuple[int, Headers, Iterable[bytes]]
_TEXT = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store"), ("Connection", "close")]


class _Refused(Exception):
    """A request that never reaches the application: status and words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


class Lane:
    """First come, first served, one at a time; who takes longer than ``patience`` seconds no longer holds up the others."""

    def __init__(self, patience: float = PATIENCE_SECONDS) -> None:
        self._patience = patience
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._holder: object | None = None

    async def enter(self) -> object:
        """Wait for the turn; the answer is given back to ``leave``."""
        if self._holder is not None:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                self.leave(turn)  # it may have been handed on already
                raise
        holder = self._holder = object()
        asyncio.get_running_loop().call_later(self._patience, self.leave, holder)
        return holder

    def leave(self, holder: object) -> None:
        """Hand the turn on, once."""
        if self._holder is not holder:
            return
        self._holder = None
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                self._holder = turn  # taken until its own coroutine runs
                turn.set_result(None)
                return


class Gateway:
    """An RSGI application around a WSGI one."""

    def __init__(
        self,
        wsgi: Callable[..., Iterable[bytes]],
        *,
        silence: float = SILENCE_SECONDS,
        at_end: Callable[[], object] | None = None,
    ) -> None:
        self._wsgi = wsgi
        self._at_end = at_end
        self._silence = silence
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="request")
        self._lane = Lane()
        self._large = asyncio.Semaphore(MOST_LARGE)
        self._unfinished: Counter[str] = Counter()

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """The worker ends: what has begun is finished."""
        self._threads.shutdown(wait=True)
        if self._at_end is not None:
            self._at_end()

    async def __rsgi__(self, scope: Any, proto: Any) -> None:
        """Answer one request."""
        try:
            body = await self._body(scope, proto)
        except _Refused as refusal:
            proto.response_str(refusal.status, _TEXT, refusal.words)
            return
        loop = asyncio.get_running_loop()
        if not scope.path.startswith(ONE_BY_ONE):
            await loop.run_in_executor(self._threads, self._answer, scope, body, proto, loop)
            return
        holder = await self._lane.enter()
        try:
            await loop.run_in_executor(self._threads, self._answer, scope, body, proto, loop)
        finally:
            self._lane.leave(holder)

    # --- the request --------------------------------------------------------------------------------------------------

    async def _body(self, scope: Any, proto: Any) -> bytes:
        if scope.headers.get("transfer-encoding"):
            # Cut off in the middle it ends like one that is whole: half a form would be taken for all of it.
            raise _Refused(411, "Máy chủ cần biết trước độ dài của dữ liệu gửi lên.")
        length = _length_of(scope)
        if not length or length > MOST_BYTES:
            return b""
        client = _address_of(scope)
        if self._unfinished[client] >= MOST_UNFINISHED:
            raise _Refused(503, "Máy này đang gửi dở quá nhiều. Xin đợi giây lát rồi thử lại.")
        self._unfinished[client] += 1
        try:
            async with asyncio.timeout(BODY_SECONDS):
                if length <= LARGE_BYTES:
                    return await self._read(proto, length)
                async with self._large:
                    return await self._read(proto, length)
        except TimeoutError:
            raise _Refused(408, "Đường truyền đứt giữa chừng, chưa nhận được gì. Xin gửi lại.") from None
        finally:
            self._unfinished[client] -= 1
            if not self._unfinished[client]:
                del self._unfinished[client]

    async def _read(self, proto: Any, length: int) -> bytes:
        found = bytearray()
        chunks = aiter(proto)
        while len(found) < length:
            try:
                async with asyncio.timeout(self._silence):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                raise _Refused(400, "Dữ liệu gửi lên không trọn vẹn.") from None
            found += chunk
        if len(found) > length:
            raise _Refused(400, "Dữ liệu gửi lên không đúng độ dài đã khai.")
        return bytes(found)

    # --- the answer, in a thread --------------------------------------------------------------------------------------

    def _answer(self, scope: Any, body: bytes, proto: Any, loop: asyncio.AbstractEventLoop) -> None:
        try:
            status, headers, parts = self._call(environ_of(scope, body))
        except Exception:
            log.exception("no answer to %s %s", scope.method, scope.path)
            proto.response_str(500, _TEXT, "Máy chủ gặp lỗi. Xin thử lại sau.")
            return
        try:
            self._send(status, headers, parts, proto, loop)
        finally:
            close = getattr(parts, "close", None)
            if close is not None:
                close()

    def _call(self, environ: dict[str, Any]) -> Answer:
        said: list[tuple[str, Headers]] = []

        def start_response(status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], object]:
            said[:] = [(status, headers)]
            return _no_writing

        parts = self._wsgi(environ, start_response)
        status, headers = said[-1]
        return int(status[:3]), headers, parts

    def _send(
        self, status: int, headers: Headers, parts: Iterable[bytes], proto: Any, loop: asyncio.AbstractEventLoop
    ) -> None:
        kept: list[bytes] = []
        size = 0
        pieces = iter(parts)
        for piece in pieces:
            kept.append(piece)
            size += len(piece)
            if size > KEPT_BYTES:
                break
        else:
            proto.response_bytes(status, headers, kept[0] if len(kept) == 1 else b"".join(kept))
            return
        stream = proto.response_stream(status, headers)

        def send(piece: bytes) -> None:
            asyncio.run_coroutine_threadsafe(stream.send_bytes(piece), loop).result(SEND_SECONDS)

        send(b"".join(kept))
        for piece in pieces:
            send(piece)


def _no_writing(_data: bytes) -> object:
    raise TypeError("the write callable of old WSGI applications is not given here")


def _address_of(scope: Any) -> str:
    return str(scope.client.rpartition(":")[0].strip("[]"))


def _length_of(scope: Any) -> int:
    text = scope.headers.get("content-length") or "0"
    if not (text.isascii() and text.isdigit()):
        raise _Refused(400, "Độ dài dữ liệu gửi lên không đọc được.")
    return int(text)


def environ_of(scope: Any, body: bytes) -> dict[str, Any]:
    """The WSGI environment (PEP 3333) of a request whose body is whole."""
    host, _, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": _address_of(scope),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        if "_" in name:  # would pass for the name with a hyphen
            continue
        key = name.upper().replace("-", "_")
        if key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            environ[key] = value
        elif f"HTTP_{key}" in environ:
            environ[f"HTTP_{key}"] += f"{'; ' if key == 'COOKIE' else ','}{value}"
        else:
            environ[f"HTTP_{key}"] = value
    return environ
