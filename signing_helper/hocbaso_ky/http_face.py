"""The loopback address: who may speak to the helper at all, before anything is read.

Four walls, each of which would do against an ordinary foreign page: the Host must be the loopback address itself (a name that was
re-pointed here carries its own), the Origin must be a school's, what is asked must be a script's request with our own header (so a browser asks
first), and the session token was read by a page of that origin.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hocbaso_ky.desk import Desk
from hocbaso_ky.refusals import Refused
from hocbaso_ky.schools import is_origin

log = logging.getLogger("hocbaso_ky")

MAX_BODY = 2_000_000
MAX_AT_ONCE = 8
HEADER = "X-Hocbaso-Ky"
"""Carries the session token; a header of our own makes every request one that the browser asks leave for."""

_OPEN = {"/trang-thai": "status", "/ghep": "pair", "/phien": "open_session"}
"""Without a session; the first two without pairing."""
_KEPT = {"/the": "tokens", "/chung-minh": "prove", "/ky": "sign"}


class _Handler(BaseHTTPRequestHandler):
    timeout = 20
    server_version, sys_version = "hocbaso-ky", ""
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: addresses and tokens of a request stay out of every log."""

    def _origin(self) -> str:
        if self.headers.get_all("Host") != [f"127.0.0.1:{self.server.server_port}"]:
            raise Refused(421, "host", "Sai tên máy.")
        origins = self.headers.get_all("Origin") or []
        if len(origins) != 1 or not is_origin(origins[0]):
            raise Refused(403, "origin", "Không rõ trang nào hỏi.")
        if self.headers.get("Sec-Fetch-Mode", "cors") != "cors":
            raise Refused(403, "origin", "Chỉ trang của trường hỏi được, không phải cửa sổ hay biểu mẫu.")
        return origins[0]

    def _answer(self, status: int, body: dict[str, Any] | None, origin: str | None) -> None:
        data = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        if origin is not None:
            self.send_header("Access-Control-Allow-Origin", origin)
        self.send_header("Vary", "Origin")
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "cross-origin")
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        if self.command == "OPTIONS" and status == 204:
            self.send_header("Access-Control-Allow-Methods", "GET, POST")
            self.send_header("Access-Control-Allow-Headers", f"content-type, {HEADER.lower()}")
            self.send_header("Access-Control-Max-Age", "60")
            # The browser says that the page comes from a wider network than this address. Chromium 156 does not ask any more.
            if self.headers.get("Access-Control-Request-Private-Network") == "true":
                self.send_header("Access-Control-Allow-Private-Network", "true")
        self.end_headers()
        self.wfile.write(data)

    def _guarded(self, act: Any) -> None:
        if not self.server.room.acquire(blocking=False):
            self._answer(503, {"code": "busy", "words": "Trình ký đang bận."}, None)
            return
        origin = None
        try:
            origin = self._origin()
            status, body = act(origin)
        except Refused as refusal:
            log.info("refused %s %s %s: %s", self.command, self.path[:40], origin, refusal.code)
            status, body = refusal.status, {"code": refusal.code, "words": refusal.words}
        except Exception as error:
            log.error("failed %s: %s", self.path[:40], type(error).__name__)
            status, body = 500, {"code": "broken", "words": "Trình ký gặp lỗi. Hãy đóng và mở lại trình ký."}
        finally:
            self.server.room.release()
        try:
            self._answer(status, body, origin)
        except OSError:  # the page is gone; a signature it did not get can be asked for again
            log.info("nobody took the answer to %s", self.path[:40])

    def do_OPTIONS(self) -> None:
        """A browser asks whether a page may ask."""

        def leave(origin: str) -> tuple[int, None]:
            if self.path in ("/trang-thai", "/ghep") or (
                self.path in (*_OPEN, *_KEPT) and self.server.desk.is_paired(origin)
            ):
                return 204, None
            raise Refused(403, "unpaired", "Trang này chưa được ghép với trình ký.")

        self._guarded(leave)

    def do_GET(self) -> None:
        """Only whether the helper is here."""

        def look(origin: str) -> tuple[int, dict[str, Any]]:
            if self.path != "/trang-thai" or self.headers.get(HEADER) is None:
                raise Refused(404, "path", "Không có địa chỉ này.")
            return 200, self.server.desk.status(origin)

        self._guarded(look)

    def do_POST(self) -> None:
        """Everything else."""

        def act(origin: str) -> tuple[int, dict[str, Any]]:
            desk, token = self.server.desk, self.headers.get(HEADER)
            if token is None or self.headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
                raise Refused(415, "shape", "Chỉ nhận yêu cầu của trang học bạ.")
            # Read before it is judged: a browser that is answered while it still sends sees a broken line, not the answer.
            body = self._body()
            if self.path in ("/ghep", "/phien"):
                return 200, getattr(desk, _OPEN[self.path])(origin)
            if self.path not in _KEPT:
                raise Refused(404, "path", "Không có địa chỉ này.")
            desk.require_session(origin, token)
            if self.path == "/the":
                return 200, desk.tokens(origin)
            return 200, getattr(desk, _KEPT[self.path])(origin, body)

        self._guarded(act)

    def do_other(self) -> None:
        """Nothing else is spoken here."""

        def refuse(_origin: str) -> tuple[int, dict[str, Any]]:
            raise Refused(405, "path", "Không có cách hỏi này.")

        self._guarded(refuse)

    do_PUT = do_DELETE = do_PATCH = do_HEAD = do_other

    def _body(self) -> dict[str, Any]:
        size = self.headers.get("Content-Length", "")
        if not size.isdecimal() or self.headers.get("Transfer-Encoding") is not None:
            raise Refused(411, "shape", "Yêu cầu không nêu độ dài.")
        if len(size) > 9 or int(size) > MAX_BODY:
            self.close_connection = True
            raise Refused(413, "limit", "Yêu cầu quá lớn.")
        try:
            body = json.loads(self.rfile.read(int(size)))
        except (ValueError, RecursionError) as error:
            raise Refused(422, "shape", "Yêu cầu không đọc được.") from error
        if not isinstance(body, dict):
            raise Refused(422, "shape", "Yêu cầu không đúng dạng.")
        return body


class Server(ThreadingHTTPServer):
    """Listens on 127.0.0.1 and nowhere else."""

    daemon_threads = True
    # On Linux: a helper that was closed may be opened again at once. On Windows the same word would let another program in beside it.
    allow_reuse_address = sys.platform != "win32"
    request_queue_size = 16

    def __init__(self, desk: Desk, port: int) -> None:
        self.desk, self.room = desk, threading.BoundedSemaphore(MAX_AT_ONCE)
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke off is nobody's business."""
