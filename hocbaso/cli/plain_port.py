"""The second, plain port beside HTTPS: it teaches a tablet to trust this machine and can do nothing else.

A thread of the worker process with the standard library's server: a handful of tablets a year need it, so it takes few
connections at a time, none for longer than a few seconds, and never the threads that save scores. What it lets through
is decided by ``web/trust.py``.
"""

from __future__ import annotations

import importlib
import logging
import socket
import threading
import time
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from flask import Flask

log = logging.getLogger("hocbaso.plain_port")

AT_ONCE = 8
SECONDS = 10
RETRY_SECONDS, TRIES = 2.0, 30
"""On a change of certificate the old worker still holds the port for some seconds."""


class _Handler(WSGIRequestHandler):
    timeout = SECONDS

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, *arguments: Any) -> None:
        self._room = threading.BoundedSemaphore(AT_ONCE)
        super().__init__(*arguments)

    def server_bind(self) -> None:
        # WSGIServer asks the network for the machine's full name here; on a LAN without a name server that takes long.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("plain port: a connection from %s broke", client_address, exc_info=True)


def start(app: Flask, host: str, port: int) -> threading.Thread:
    """Serve the gate on this port until the process ends. A port that stays taken is said in the log; HTTPS goes on."""

    def run() -> None:
        for _ in range(TRIES):
            try:
                server = _Server((host, port), _Handler)
            except PermissionError as problem:
                log.warning("không mở được cổng HTTP %d: %s", port, problem.strerror)
                return
            except OSError:
                time.sleep(RETRY_SECONDS)
                continue
            # By name: web and commands are edges that do not know each other; here a process is wired together.
            server.set_app(importlib.import_module("hocbaso.web.trust").plain_gate(app))
            log.info("trang hướng dẫn tin cậy ở http://%s:%d/tin-cay", host, port)
            server.serve_forever()
        log.warning("không mở được cổng HTTP %d: có chương trình khác đang dùng", port)

    thread = threading.Thread(target=run, name="plain-port", daemon=True)
    thread.start()
    return thread
