"""A school on a temporary instance and the real server in front of it, on loopback only; and a process of one's own for work."""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS, END_SECONDS = 60, 20


@dataclass(frozen=True, slots=True)
class Served:
    """``made`` is what the building function answered; ``pid`` is the server's parent process."""

    port: int
    pid: int
    made: Any

    def memory_mb(self) -> dict[str, float]:
        """Resident memory: ``web`` of the process that answers (the largest of the tree), ``all`` of all of them."""
        found, waiting = [], [self.pid]
        while waiting:
            one = waiting.pop()
            try:
                status = Path(f"/proc/{one}/status").read_text()
                for task in Path(f"/proc/{one}/task").iterdir():
                    waiting += [int(child) for child in (task / "children").read_text().split()]
            except OSError:
                continue
            found.append(next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024)
        return {"web": round(max(found), 1), "all": round(sum(found), 1)}


def in_child(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run in a fresh process, so that neither the load nor the set-up shares an interpreter with anything else.

    An executor's process, not a pool's: those may have no children, and the set-up signs with document workers.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        return executor.submit(function, *arguments).result()


@contextmanager
def served(build: Callable[..., Any], *arguments: Any) -> Iterator[Served]:
    """``build(instance, *arguments)`` in a process of its own, then the server until the block ends. Raises RuntimeError when
    the server does not come up."""
    with tempfile.TemporaryDirectory(prefix="hocbaso-bench-") as folder:
        instance = Path(folder) / "instance"
        made = in_child(build, str(instance), *arguments)
        port = _free_port()
        server = subprocess.Popen(
            [Path(sys.executable).with_name("flask"), "serve"],
            cwd=ROOT,
            env={**os.environ, "HOCBASO_INSTANCE": str(instance), "HOST": "127.0.0.1", "PORT": str(port)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait(port, server)
            yield Served(port, server.pid, made)
        finally:
            server.terminate()
            try:
                server.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait(5)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if server.poll() is not None:
            raise RuntimeError(f"the server ended with {server.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server does not answer")
