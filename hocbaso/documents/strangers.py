"""One process that judges what strangers hold out, apart from the workers that build and sign.

A file may be made so that judging it never ends. Here a task that is over its time is killed with its process, and the next one gets a
fresh process; nobody who builds or signs waits for it. One task at a time, and the process ends after some idle minutes: a school's
small server has better use for its memory than a page that is asked twice a day.
"""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import os
import pickle
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

from hocbaso.documents import workers
from hocbaso.errors import Unavailable

log = logging.getLogger(__name__)

IDLE_SECONDS = 300.0
START_SECONDS = 60.0
"""What a fresh process may take to load its libraries; a second on a quiet machine."""
MAX_TASKS = 200
BUSY = "Máy đang kiểm tra tệp của người khác. Xin thử lại sau ít phút."
TOO_LONG = "Máy chưa kiểm tra xong tệp này trong thời gian cho phép. Xin thử lại sau ít phút."
BROKEN = "Bộ phận kiểm tra tệp bị dừng giữa chừng; hãy làm lại bước này."


def _serve(pipe: Connection) -> None:
    """The process: (name, arguments) in, (whether it went well, result or error) out, until the pipe closes."""
    workers.start_quietly()
    importlib.import_module("hocbaso.documents.issuing")
    pipe.send((True, os.getpid()))
    while True:
        try:
            name, args = pipe.recv()
        except EOFError:
            return
        try:
            answer = True, workers.resolve(name)(*args)
        except Exception as error:
            answer = False, error
        try:
            pipe.send(answer)
        except (pickle.PicklingError, TypeError, AttributeError):
            pipe.send((False, RuntimeError(f"{name}: an answer that cannot travel: {type(answer[1]).__name__}")))


class StrangersWorker:
    """The process, started at the first need. Thread-safe: callers wait for their turn, each no longer than its own time."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._turn = threading.Lock()
        self._process: Any = None
        self._pipe: Connection | None = None
        self._n_tasks = 0
        self._used_at = 0.0
        self._ended = threading.Event()

    @property
    def pid(self) -> int | None:
        """The process that runs now, if one does."""
        process = self._process
        return None if process is None else process.pid

    def call(self, name: str, *args: Any, timeout: float) -> Any:
        """Run a function of ``hocbaso.documents`` there. Raises what it raises, and Unavailable when the turn or the answer does
        not come within ``timeout`` seconds each; a task that is late is killed."""
        if not self._turn.acquire(timeout=timeout):
            raise Unavailable(BUSY)
        try:
            pipe = self._running()
            try:
                pipe.send((name, args))
                if not pipe.poll(timeout):
                    log.warning("%s took more than %s s and was killed", name, timeout)
                    raise Unavailable(TOO_LONG)
                went_well, answer = pipe.recv()
            except (EOFError, OSError) as error:
                self._end()
                raise Unavailable(BROKEN) from error
            except BaseException:
                self._end()
                raise
            self._n_tasks += 1
            if self._n_tasks >= MAX_TASKS:
                self._end()
        finally:
            self._used_at = time.monotonic()
            self._turn.release()
        if went_well:
            return answer
        raise answer

    def _running(self) -> Connection:
        if self._pipe is not None and self._process.is_alive():
            return self._pipe
        self._end()
        context = multiprocessing.get_context("spawn")
        self._pipe, there = context.Pipe()
        self._used_at = time.monotonic()
        self._process = context.Process(target=_serve, args=(there,), name="strangers", daemon=True)
        self._process.start()
        there.close()
        try:
            if not self._pipe.poll(START_SECONDS):
                raise Unavailable(BUSY)
            self._pipe.recv()
        except (EOFError, OSError) as error:
            self._end()
            raise Unavailable(BROKEN) from error
        except BaseException:
            self._end()
            raise
        self._ended = threading.Event()
        threading.Thread(target=self._end_when_idle, args=(self._ended,), name="strangers-idle", daemon=True).start()
        return self._pipe

    def _end_when_idle(self, ended: threading.Event) -> None:
        while not ended.wait(max(0.05, self._used_at + self._idle_seconds - time.monotonic())):
            if self._turn.acquire(blocking=False):
                try:
                    if not ended.is_set() and time.monotonic() - self._used_at >= self._idle_seconds:
                        self._end()
                finally:
                    self._turn.release()

    def _end(self) -> None:
        self._ended.set()
        process, pipe, self._process, self._pipe, self._n_tasks = self._process, self._pipe, None, None, 0
        if pipe is not None:
            pipe.close()
        if process is not None:
            process.kill()  # it holds nothing that has to be put in order
            process.join()

    def close(self) -> None:
        """End the process, whatever it does."""
        process = self._process
        if process is not None:
            process.kill()  # who waits for it gets Unavailable and lets the turn go
        with self._turn:
            self._end()
