"""The clock of a simulated school: wall time and stopwatch in a small file that two processes map into memory.

Time flows as fast as outside and leaps when the simulator says so. Only ``server_entry`` reads the file: an ordinary server
has no such door.
"""

from __future__ import annotations

import mmap
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

FILE_NAME = "simulated-clock"

_LAYOUT = struct.Struct("<qqqqq")  # wall µs, awake µs, both at real ns; ticks asked for, ticks done
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class VirtualClock:
    """One side of the file. The simulator writes time and asks for ticks; the server reads time and says what it has done."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as handle:
            self._map = mmap.mmap(handle.fileno(), _LAYOUT.size)

    @classmethod
    def create(cls, path: Path, now: datetime) -> VirtualClock:
        """A new file that begins at ``now`` (aware)."""
        path.write_bytes(_LAYOUT.pack((now - _EPOCH) // _MICROSECOND, 0, time.monotonic_ns(), 0, 0))
        return cls(path)

    def _read(self) -> tuple[int, int, int, int, int]:
        # A reader may see half of a leap only while nobody works: the simulator leaps between two acts.
        wall, awake, at, asked, done = _LAYOUT.unpack(self._map[:])
        return wall, awake, at, asked, done

    def now(self) -> datetime:
        """The present instant of the simulated school, aware, in UTC."""
        wall, _, at, _, _ = self._read()
        return _EPOCH + timedelta(microseconds=wall + (time.monotonic_ns() - at) // 1000)

    def awake(self) -> timedelta:
        """How long the machine has existed by its own stopwatch, which nobody can set."""
        _, awake, at, _, _ = self._read()
        return timedelta(microseconds=awake + (time.monotonic_ns() - at) // 1000)

    def leap_to(self, now: datetime, *, set_wrong: bool = False) -> None:
        """Set the present instant. ``set_wrong``: by a hand or a flat battery, so that the stopwatch does not follow."""
        present, awake = self.now(), self.awake()
        if not set_wrong:
            awake += now - present
        _, _, _, asked, done = self._read()
        self._map[:] = _LAYOUT.pack(
            (now - _EPOCH) // _MICROSECOND, awake // _MICROSECOND, time.monotonic_ns(), asked, done
        )

    # --- ticks --------------------------------------------------------------------------------------------------------

    def ask_for_tick(self) -> int:
        """Ask the server to look at what is due; the number of this wish."""
        asked = self._read()[3] + 1
        self._map[24:32] = struct.pack("<q", asked)
        return asked

    def asked(self) -> int:
        """The last wish."""
        return self._read()[3]

    def ticked(self) -> int:
        """The last wish that was fulfilled."""
        return self._read()[4]

    def say_ticked(self, number: int) -> None:
        """The server's answer to a wish."""
        self._map[32:40] = struct.pack("<q", number)


class VirtualStopwatch:
    """``jobs.scheduler.Stopwatch`` on the simulated machine: how far its wall clock ran ahead of the time that passed."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._last: tuple[datetime, timedelta] | None = None

    def leapt(self, now: datetime) -> timedelta:
        """Zero at the first look; negative for a clock set back."""
        passed = self._clock.awake()
        last, self._last = self._last, (now, passed)
        return timedelta(0) if last is None else (now - last[0]) - (passed - last[1])
