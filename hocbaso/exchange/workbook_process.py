"""Reads a workbook in a process of its own, with a limit on time and memory.

What the outside of a file does not betray (:mod:`hocbaso.exchange.workbook_guard`) may still keep a parser busy; here it can
only end its own process. The process that answers pages therefore never loads openpyxl either.
"""

from __future__ import annotations

import importlib
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

from hocbaso.errors import DomainError, Invalid
from hocbaso.exchange.workbook_guard import check_workbook

MAX_SECONDS = 10
MAX_MEMORY_BYTES = 256 * 1024 * 1024
READERS = {
    "students": ("hocbaso.exchange.people_tables", "read_students"),
    "teachers": ("hocbaso.exchange.people_tables", "read_teachers"),
    "assignments": ("hocbaso.exchange.people_tables", "read_assignments"),
    "scores": ("hocbaso.exchange.score_tables", "read_scores"),
}
_ROOT = Path(__file__).resolve().parents[2]
_TOO_MUCH = "Tệp cần quá nhiều {} để đọc. Hãy bỏ các trang và ô không dùng, hoặc chia tệp thành nhiều tệp nhỏ."


def read_apart(
    kind: str, data: bytes, profile: str, *, max_seconds: float = MAX_SECONDS, max_memory_bytes: int = MAX_MEMORY_BYTES
) -> Any:
    """The ``ImportTable`` of a file: ``kind`` is a key of ``READERS``, limits are per file.

    Raises what the reader raises (``Invalid`` for a file that cannot be read as this kind), ``Invalid`` when a limit is
    reached, RuntimeError with the child's words when the reader itself fails.
    """
    if kind not in READERS:
        raise ValueError(f"no reader for {kind!r}")
    check_workbook(data)  # a file refused by its outside is not worth a process, which takes a second or more to start
    command = [sys.executable, "-m", __spec__.name, kind, profile, str(max_memory_bytes)]
    try:
        done = subprocess.run(command, input=data, capture_output=True, cwd=_ROOT, timeout=max_seconds)
    except subprocess.TimeoutExpired as late:
        raise Invalid(_TOO_MUCH.format("thời gian")) from late
    if done.returncode != 0:
        raise RuntimeError(f"reading a workbook failed: {done.stderr.decode(errors='replace')[-2000:]}")
    outcome = pickle.loads(done.stdout)  # noqa: S301 - no wider a door than parsing here, where the file was opened before
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def _limit_memory(n_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # not on Windows; there the time limit stands alone
        return
    resource.setrlimit(resource.RLIMIT_AS, (n_bytes, n_bytes))


def _main(kind: str, profile: str, max_memory_bytes: str) -> None:
    _limit_memory(int(max_memory_bytes))
    outcome: Any
    try:
        module, function = READERS[kind]
        outcome = getattr(importlib.import_module(module), function)(sys.stdin.buffer.read(), profile)
        packed = pickle.dumps(outcome)
    except DomainError as refusal:
        packed = pickle.dumps(refusal)
    except MemoryError:
        packed = pickle.dumps(Invalid(_TOO_MUCH.format("bộ nhớ")))
    sys.stdout.buffer.write(packed)


if __name__ == "__main__":
    _main(*sys.argv[1:])
