"""The school's computer: its server as a process with real sockets, switched on, cut off from power, switched on again."""

from __future__ import annotations

import ctypes
import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

from hocbaso.cli.serve import server_command
from hocbaso.cli.simulation import server_entry
from hocbaso.cli.simulation.virtual_clock import VirtualClock
from hocbaso.config import PROJECT_ROOT, Config
from hocbaso.errors import Unavailable

START_SECONDS = 120.0
TICK_SECONDS = 120.0
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG


class Machine:
    """The server of one instance. A power cut kills the whole process group; whoever works then calls :meth:`come_back`."""

    def __init__(self, settings: Config, clock: VirtualClock, port: int, chance: random.Random) -> None:
        self.settings, self.clock, self.port, self.chance = settings, clock, port, chance
        self.n_cuts = 0
        self.seconds_starting = 0.0
        self.cpu_seconds = 0.0
        """Of the server and its document workers, as far as they were seen when they ended."""
        self._process: subprocess.Popen[bytes] | None = None
        self._cutter: threading.Timer | None = None
        self._next_cut: float | None = None
        self._power = threading.Lock()
        self._log = settings.instance / "server.log"

    # --- power --------------------------------------------------------------------------------------------------------

    @property
    def is_on(self) -> bool:
        """Whether the server's process lives."""
        return self._process is not None and self._process.poll() is None

    def switch_on(self) -> None:
        """Start the server and wait until it answers. Raises Unavailable with the end of its log."""
        if self.is_on:
            return
        began = time.monotonic()
        command = [*server_command(self.settings, "127.0.0.1", self.port, secure=False)[:-1], server_entry.TARGET]
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HOCBASO_", "DATABASE_URL", "SECRET", "SMTP"))}
        kept |= {
            "HOCBASO_INSTANCE": str(self.settings.instance),
            "HOCBASO_WORKERS": str(self.settings.workers),
            "HOCBASO_LISTEN": "127.0.0.1",
            "PORT": str(self.port),
            "MALLOC_ARENA_MAX": "1",
            "PYTHONWARNINGS": "ignore::UserWarning:multiprocessing.resource_tracker",
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=PROJECT_ROOT,
                env=kept,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_simulator,
            )
        while time.monotonic() - began < START_SECONDS:
            if not self.is_on:
                break
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/healthz")
                if connection.getresponse().status == 200:
                    self.seconds_starting += time.monotonic() - began
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.05)
        self.switch_off()
        raise Unavailable(f"Máy chủ của trường mô phỏng không lên:\n{self.log_end()}")

    def switch_off(self) -> None:
        """Pull the plug: nothing of the server gets to put anything in order."""
        if self._cutter is not None:
            self._cutter.cancel()
        with self._power:
            process, self._process = self._process, None
            if process is None:
                return
            self.cpu_seconds += _cpu_of_group(process.pid)
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait(30)

    def cut_soon(self, longest: float) -> None:
        """Lose the power at a random moment within ``longest`` seconds, while whoever calls goes on."""
        self._cutter = threading.Timer(self.chance.uniform(0.0, longest), self._cut)
        self._cutter.daemon = True
        self._cutter.start()

    def cut_at_work(self, longest: float) -> None:
        """Announce a cut for whoever comes to work next: :meth:`settle` leaves it alone until then."""
        self._next_cut = longest

    def work_begins(self) -> None:
        """Somebody sits down: an announced cut may come from now on."""
        if self._next_cut is not None:
            longest, self._next_cut = self._next_cut, None
            self.cut_soon(longest)

    def _cut(self) -> None:
        self.n_cuts += 1
        self.switch_off()

    def settle(self) -> None:
        """Wait for an announced cut, so that it does not fall into what comes next."""
        if self._cutter is not None:
            self._cutter.join()
            self._cutter = None

    def come_back(self) -> None:
        """After a lost connection: somebody switches the computer on again."""
        self.settle()
        self.switch_on()

    # --- time ---------------------------------------------------------------------------------------------------------

    def tick(self, at: datetime | None = None) -> bool:
        """Let the scheduler look at what is due, at ``at`` if given; False where the power went meanwhile."""
        if at is not None:
            self.clock.leap_to(at)
        wish = self.clock.ask_for_tick()
        began = time.monotonic()
        while time.monotonic() - began < TICK_SECONDS:
            if self.clock.ticked() >= wish:
                return True
            if not self.is_on:
                return False
            time.sleep(0.003)
        raise Unavailable(f"Máy chủ của trường mô phỏng không làm xong việc định kì:\n{self.log_end()}")

    def log_end(self, n: int = 4000) -> str:
        """The last words of the server."""
        return self._log.read_text("utf-8", "replace")[-n:] if self._log.exists() else ""


def _end_with_simulator() -> None:
    """In the child: no server stays behind when the simulator itself is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)


def _cpu_of_group(leader: int) -> float:
    """Processor seconds of a process group, from ``/proc``; 0 where there is none."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == leader:
            ticks += sum(int(one) for one in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port of the loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def folder_of(base: Path) -> Path:
    """The instance folder inside the simulator's temporary folder."""
    return base / "truong"
