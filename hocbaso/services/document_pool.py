"""The one place that owns the worker processes of this process and its background threads.

Rendering, signing and checking happen in ``HOCBASO_WORKERS`` worker processes (:mod:`hocbaso.documents.workers`), started at the
first need: the web process itself never imports WeasyPrint, endesive or pyHanko (1 s and 150 MB). What strangers upload is judged apart.
A long batch runs in a thread of its own, so that the page which started it may be left. A thread dies with its process;
the batch's rows then tell what is left to do (:mod:`hocbaso.services.batches`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from datetime import datetime
from typing import Any

from flask import current_app

from hocbaso.config import Config
from hocbaso.db import db
from hocbaso.documents.store import DocumentStore
from hocbaso.documents.strangers import StrangersWorker
from hocbaso.documents.verification_report import VerificationReport, report_from_plain
from hocbaso.documents.workers import DocumentWorkers
from hocbaso.errors import Unavailable

log = logging.getLogger(__name__)

_LOCK = threading.Lock()
_WORKERS: dict[int, DocumentWorkers] = {}
_STRANGERS = StrangersWorker()
_THREADS: dict[tuple[str, int | str], threading.Thread] = {}


def config() -> Config:
    """The configuration of the running application."""
    found: Config = current_app.config["HOCBASO"]
    return found


def n_workers() -> int:
    """How many documents are worked on at a time."""
    return max(1, config().workers)


def pool() -> DocumentWorkers:
    """The worker processes, started at the first call."""
    count = n_workers()
    with _LOCK:
        if count not in _WORKERS:
            _WORKERS[count] = DocumentWorkers(count)
        return _WORKERS[count]


def submit(call: str, *args: Any) -> Future[Any]:
    """Start ``"module:function"`` of ``hocbaso.documents`` with picklable arguments in a worker."""
    return pool().submit(call, *args)


def call(call: str, *args: Any, timeout: float = 60.0) -> Any:
    """Run one function in a worker and wait for it.

    Raises what the function raises; Unavailable after ``timeout`` seconds.
    """
    future = submit(call, *args)
    try:
        return future.result(timeout=timeout)
    except FutureTimeout as error:
        future.cancel()
        raise Unavailable("Máy đang bận làm hồ sơ khác, chưa làm xong việc này. Xin thử lại sau ít phút.") from error


def verify(
    data: bytes,
    roots: Iterable[bytes],
    crls: Iterable[bytes],
    at: datetime,
    *,
    timeout: float,
    keys: Iterable[Any] = (),
) -> VerificationReport:
    """Judge a file that somebody holds out; roots and lists are DER, ``keys`` statements on instance keys. Unavailable after
    ``timeout`` seconds.

    In a process of its own (:mod:`hocbaso.documents.strangers`), so that no file of a stranger holds up building and signing.
    """
    given = (data, tuple(roots), tuple(crls), at, None, tuple(keys))
    plain = _STRANGERS.call("hocbaso.documents.issuing:verify_upload", *given, timeout=timeout)
    return report_from_plain(plain)


def apart(call: str, *args: Any, timeout: float) -> Any:
    """Run one function of ``hocbaso.documents`` on something that somebody sent, in the process apart: a file that never ends is killed
    with it. Raises what the function raises; Unavailable after ``timeout`` seconds."""
    return _STRANGERS.call(call, *args, timeout=timeout)


def forget_keys() -> None:
    """Ask the workers to drop opened keys at the end of a batch (each worker that answers; all of them within a task or two)."""
    with _LOCK:
        running = list(_WORKERS.values())
    for workers in running:
        for _ in range(workers.n):
            workers.submit("hocbaso.documents.issuing:forget_keys")


def document_store() -> DocumentStore:
    """The store of this instance."""
    return DocumentStore(config().documents)


def close() -> None:
    """Stop the worker processes (end of a command or a test)."""
    with _LOCK:
        workers = list(_WORKERS.values())
        _WORKERS.clear()
    for each in workers:
        each.close()
    _STRANGERS.close()


# --- background threads -----------------------------------------------------------------------------------------------


def _key(batch_id: int | str) -> tuple[str, int | str]:
    return str(config().instance), batch_id


def run_in_background(batch_id: int | str, work: Callable[[], object]) -> None:
    """Run ``work`` in a thread with an application context of its own. The thread is known by the batch's id."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]

    def body() -> None:
        with app.app_context():
            try:
                work()
            except Exception:
                log.exception("batch %s stopped", batch_id)
            finally:
                db.session.remove()

    thread = threading.Thread(target=body, name=f"batch-{batch_id}", daemon=True)
    with _LOCK:
        _THREADS[_key(batch_id)] = thread
    thread.start()


def is_running(batch_id: int | str) -> bool:
    """Whether a thread of this process works on the batch."""
    with _LOCK:
        thread = _THREADS.get(_key(batch_id))
    return thread is not None and thread.is_alive()


def wait_for(batch_id: int | str, timeout: float = 600.0) -> None:
    """Wait until the thread of a batch has ended."""
    with _LOCK:
        thread = _THREADS.get(_key(batch_id))
    if thread is not None and thread is not threading.current_thread():
        thread.join(timeout)
