"""Reads and writes a workbook in a process of its own, with a limit on work and memory.

What the outside of a file does not betray (:mod:`hocbaso.exchange.workbook_guard`) may still keep a parser busy; here it can
only end its own process. The process that answers pages therefore never loads openpyxl either.
"""

from __future__ import annotations

import importlib
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hocbaso.errors import DomainError, Invalid, Unavailable
from hocbaso.exchange.workbook_guard import DEFAULT_LIMITS, WorkbookLimits, check_workbook

MAX_CPU_SECONDS = 15
"""What a file may cost. Counted in seconds of the processor, not of the clock: a good file on a busy machine waits long
and works little. A class sheet takes about one, the largest file that the guard lets in about five."""

MAX_WAIT_SECONDS = 120.0
"""The backstop by the clock, for a process that does not work at all; nobody waits longer before a page."""

AT_A_TIME = 2
"""Processes at once: many files that arrive together wait for each other instead of for memory."""

MAX_MEMORY_BYTES = 256 * 1024 * 1024
READERS = {
    "students": ("hocbaso.exchange.people_tables", "read_students"),
    "teachers": ("hocbaso.exchange.people_tables", "read_teachers"),
    "assignments": ("hocbaso.exchange.people_tables", "read_assignments"),
    "scores": ("hocbaso.exchange.score_tables", "read_scores"),
    "score_file": ("hocbaso.exchange.score_file_reader", "read_score_file"),
}
LIMITS = {"score_file": WorkbookLimits(max_tags=200_000)}
"""Where a kind of file has less in it than others. A class sheet has some 4,000 tags and a workbook of a whole school's
sheets some 80,000; at 200,000 the dearest file that passes costs about a second."""

WRITERS = {
    "score_file": ("hocbaso.exchange.score_file_writer", "write_score_file"),
    "blank_table": ("hocbaso.exchange.sheets", "write_blank"),
}
_ROOT = Path(__file__).resolve().parents[2]
_TOO_MUCH = "Tệp cần quá nhiều {} để đọc. Hãy bỏ các trang và ô không dùng, hoặc chia tệp thành nhiều tệp nhỏ."
_BUSY = "Máy chủ đang bận nhiều việc nên chưa làm xong tệp Excel. Chưa ghi gì; xin thử lại sau ít phút."
_ROOM = threading.BoundedSemaphore(AT_A_TIME)


def read_apart(
    kind: str,
    data: bytes,
    profile: str,
    *,
    max_cpu_seconds: int = MAX_CPU_SECONDS,
    max_wait_seconds: float = MAX_WAIT_SECONDS,
    max_memory_bytes: int = MAX_MEMORY_BYTES,
) -> Any:
    """What the reader makes of a file: ``kind`` is a key of ``READERS``, ``profile`` its second argument.

    Raises what the reader raises (``Invalid`` for a file that cannot be read as this kind), ``Invalid`` when the file
    takes too much work or memory, Unavailable when the machine is too busy, RuntimeError when the reader itself fails.
    """
    if kind not in READERS:
        raise ValueError(f"no reader for {kind!r}")
    check_workbook(
        data, LIMITS.get(kind, DEFAULT_LIMITS)
    )  # a file refused by its outside is not worth a process, which takes a second or more to start
    return _apart(["read", kind, profile], data, max_cpu_seconds, max_wait_seconds, max_memory_bytes)


def write_apart(kind: str, content: object, *, max_wait_seconds: float = MAX_WAIT_SECONDS) -> bytes:
    """The workbook of ``content``, a picklable object of our own; ``kind`` is a key of ``WRITERS``. Unavailable when busy."""
    if kind not in WRITERS:
        raise ValueError(f"no writer for {kind!r}")
    packed = pickle.dumps(content)
    made: bytes = _apart(["write", kind, ""], packed, MAX_CPU_SECONDS, max_wait_seconds, MAX_MEMORY_BYTES)
    return made


def _apart(task: list[str], data: bytes, cpu_seconds: int, wait_seconds: float, memory_bytes: int) -> Any:
    command = [sys.executable, "-m", __spec__.name, *task, str(cpu_seconds), str(memory_bytes)]
    until = time.monotonic() + wait_seconds
    if not _ROOM.acquire(timeout=wait_seconds):
        raise Unavailable(_BUSY)
    try:
        left = max(until - time.monotonic(), 0.001)
        done = subprocess.run(command, input=data, capture_output=True, cwd=_ROOT, timeout=left)
    except subprocess.TimeoutExpired as late:
        raise Unavailable(_BUSY) from late
    finally:
        _ROOM.release()
    if done.returncode == -getattr(signal, "SIGXCPU", 0) != 0:
        raise Invalid(_TOO_MUCH.format("thời gian"))
    if done.returncode != 0:
        raise RuntimeError(f"reading a workbook failed: {done.stderr.decode(errors='replace')[-2000:]}")
    outcome = pickle.loads(done.stdout)  # noqa: S301 - no wider a door than parsing here, where the file was opened before
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def _limit(cpu_seconds: int, memory_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # not on Windows; there the backstop by the clock stands alone
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 5))


def _task(way: str, kind: str, profile: str) -> Any:
    module, function = (READERS if way == "read" else WRITERS)[kind]
    work: Callable[..., Any] = getattr(importlib.import_module(module), function)
    given = sys.stdin.buffer.read()
    if way == "read":
        return work(given, profile)
    return work(pickle.loads(given))  # noqa: S301 - from our own process, never from a file


def _main(way: str, kind: str, profile: str, cpu_seconds: str, memory_bytes: str) -> None:
    _limit(int(cpu_seconds), int(memory_bytes))
    try:
        packed = pickle.dumps(_task(way, kind, profile))
    except DomainError as refusal:
        packed = pickle.dumps(refusal)
    except MemoryError:
        packed = pickle.dumps(Invalid(_TOO_MUCH.format("bộ nhớ")))
    sys.stdout.buffer.write(packed)


if __name__ == "__main__":
    _main(*sys.argv[1:])
