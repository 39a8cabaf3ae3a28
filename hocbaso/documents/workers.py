"""Processes that make and check documents, so that the web process never loads WeasyPrint, endesive or pyHanko.

Functions are named ``"package.module:function"`` and looked up in the worker only. Workers are spawned (a fork of a threaded
server may hang), start on first use, are warmed up once, are replaced after a number of tasks to bound their memory, and
end when the process that started them is gone.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from hocbaso.documents.parent_watch import end_with_parent
from hocbaso.errors import Unavailable

_PREFIX = "hocbaso.documents."


def resolve(name: str) -> Callable[..., Any]:
    """The function behind ``"hocbaso.documents.module:function"``; anything else is a programming error."""
    module, _, function = name.partition(":")
    if not module.startswith(_PREFIX) or not function.isidentifier() or function.startswith("_"):
        raise ValueError(f"not a document task: {name}")
    return getattr(importlib.import_module(module), function)


def _run(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return resolve(name)(*args, **kwargs)


def start_quietly() -> None:
    """What each of these processes does first: ends with its parent, leaves Ctrl+C to it, and gives way to who types."""
    end_with_parent()
    # Ctrl+C in the terminal is for the server; it ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Layout and validation make many short-lived objects; the default threshold costs a fifth of their time.
    gc.set_threshold(50_000, 20, 50)
    with contextlib.suppress(OSError):
        os.nice(5)  # a teacher who types goes before a document that is made


def warm() -> int:
    """Load what the first document would have to wait for; the worker's process id."""
    importlib.import_module("hocbaso.documents.issuing")
    importlib.import_module("hocbaso.documents.pdf_render").layout()
    return os.getpid()


class DocumentWorkers:
    """A pool of ``n`` document processes. Thread-safe; ``submit`` returns a ``concurrent.futures.Future``."""

    def __init__(self, n: int | None = None, *, max_tasks: int = 400) -> None:
        self.n = n or int(os.environ.get("HOCBASO_WORKERS") or os.cpu_count() or 1)
        self._max_tasks = max_tasks
        self._pool: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()
        self._closed = False

    def _running(self, broken: ProcessPoolExecutor | None = None) -> ProcessPoolExecutor:
        with self._lock:
            if self._closed:
                raise Unavailable("Bộ phận lập tài liệu đã dừng.")
            if self._pool is broken:
                # Only let go: a broken pool has ended itself, and from Python 3.12 on it calls the futures back while it
                # holds its own lock, so that shutdown() from there waits for itself for ever.
                self._pool = None
            if self._pool is None:
                self._pool = ProcessPoolExecutor(
                    self.n,
                    mp_context=multiprocessing.get_context("spawn"),
                    initializer=start_quietly,
                    max_tasks_per_child=self._max_tasks,
                )
            return self._pool

    def submit(self, name: str, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a document function in a worker. When a worker is killed the task is given once to a fresh pool; a second death
        is ``errors.Unavailable``. Errors that the function raises arrive as they are."""
        outer: Future[Any] = Future()
        self._hand_out(outer, name, args, kwargs, again=True)
        return outer

    def _hand_out(
        self, outer: Future[Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any], *, again: bool
    ) -> None:
        pool = self._running()
        try:
            inner = pool.submit(_run, name, args, kwargs)
        except BrokenProcessPool:
            pool = self._running(broken=pool)
            inner = pool.submit(_run, name, args, kwargs)

        def done(future: Future[Any]) -> None:
            if outer.cancelled():
                return
            if future.cancelled():
                outer.set_exception(Unavailable("Bộ phận lập tài liệu đã dừng."))
                return
            error = future.exception()
            if isinstance(error, BrokenProcessPool):
                if again:
                    try:
                        self._running(broken=pool)
                        self._hand_out(outer, name, args, kwargs, again=False)
                        return
                    except Exception as second:
                        error = second
                else:
                    error = Unavailable("Bộ phận lập tài liệu bị dừng giữa chừng; hãy làm lại bước này.")
            if error is not None:
                outer.set_exception(error)
            else:
                outer.set_result(future.result())

        inner.add_done_callback(done)

    def call(self, name: str, *args: Any, timeout: float | None = 120, **kwargs: Any) -> Any:
        """``submit`` and wait."""
        return self.submit(name, *args, **kwargs).result(timeout)

    def warm_up(self) -> None:
        """Start loading in all workers without waiting."""
        for _ in range(self.n):
            self.submit("hocbaso.documents.workers:warm")

    def close(self) -> None:
        """End the workers; running tasks are finished."""
        with self._lock:
            pool, self._pool, self._closed = self._pool, None, True
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)
