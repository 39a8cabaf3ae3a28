"""Which run works on a batch, and whether its process still lives.

A batch's row names its run: machine, start of the machine, process, its start, and a number within it. A process number alone would be
somebody else's after a restart. So a page knows at once that a killed server's batch was interrupted, two programs never
work on one batch together, and a run that finds another name in the row has been overtaken and stops.
"""

from __future__ import annotations

import functools
import itertools
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCK = threading.Lock()
_ACTIVE: set[str] = set()
_NUMBERS = itertools.count(1)


def take() -> str:
    """The name of a new run of this process, which counts as alive from now on: before its thread starts, so that no second
    start slips between."""
    pid = os.getpid()
    with _LOCK:
        name = f"{socket.gethostname()[:40]} {_boot()} {pid} {_began(pid) or '?'} {next(_NUMBERS)}"
        _ACTIVE.add(name)
    return name


def release(name: str) -> None:
    """The run has ended."""
    with _LOCK:
        _ACTIVE.discard(name)


@contextmanager
def working(name: str) -> Iterator[None]:
    """For the length of a run, however it ends."""
    try:
        yield
    finally:
        release(name)


def is_alive(name: str | None) -> bool | None:
    """Whether the run of that name goes on; None where this machine cannot tell (another machine, or no /proc)."""
    with _LOCK:
        if name in _ACTIVE:
            return True
    parts = (name or "").split()
    if len(parts) != 5 or parts[0] != socket.gethostname()[:40] or "?" in parts:
        return None
    if int(parts[2]) == os.getpid():
        return False  # this very process has ended it, or has the number of one that died
    return parts[1] == _boot() and _began(int(parts[2])) == parts[3]


@functools.lru_cache(maxsize=1)
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:13]
    except OSError:
        return "?"


def _began(pid: int) -> str | None:
    """When a process began, in ticks of the machine; None when there is none (any more)."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    except (OSError, IndexError, ValueError):
        return None
    return None if state in "ZX" else rest[18]
