"""How much memory judging somebody's file may take: 2 MB can unpack to 2 GB."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

VERIFY_MEMORY = 384 * 1024 * 1024
"""Bytes that judging one file may take on top of what the worker holds; a real transcript takes a tenth."""


@contextlib.contextmanager
def at_most(n_bytes: int) -> Iterator[None]:
    """Let this process grow by so much and no more; a parser that wants more meets MemoryError. Linux only."""
    try:
        import resource

        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (ImportError, OSError):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = held + n_bytes if hard == resource.RLIM_INFINITY else min(held + n_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
