"""A simulated year from founding to judgement."""

from __future__ import annotations

import random
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from hocbaso.cli.simulation import judgement
from hocbaso.cli.simulation.browser import Refused
from hocbaso.cli.simulation.judgement import Promise
from hocbaso.cli.simulation.ledger import Ledger
from hocbaso.cli.simulation.machine import Machine, folder_of, free_port
from hocbaso.cli.simulation.roles import School, Stuck
from hocbaso.cli.simulation.virtual_clock import FILE_NAME, VirtualClock
from hocbaso.cli.simulation.world import FIRST_DAY, World, at, found
from hocbaso.cli.simulation.year import Year
from hocbaso.clock import local
from hocbaso.errors import WrongState


@dataclass
class Report:
    """What came of a year."""

    promises: list[Promise]
    figures: dict[str, str]
    world: World
    ledger: Ledger

    @property
    def kept(self) -> bool:
        """Whether all promises were kept."""
        return all(one.kept for one in self.promises)


def simulate(
    n_classes: int, n_students: int, seed: int, say: Callable[[date], None], keep: Path | None = None
) -> Report:
    """Live through a year in a temporary folder, which is removed unless ``keep`` names one.

    Raises WrongState where that one is not empty, Unavailable where the server does not come up.
    """
    if keep is not None and keep.exists() and any(keep.iterdir()):
        raise WrongState(f"Thư mục {keep} không trống; năm học mô phỏng cần một thư mục trống.")
    began, cpu = time.monotonic(), _cpu()
    base = Path(tempfile.mkdtemp(prefix="hocbaso-nam-hoc-")) if keep is None else keep
    instance, port, ledger = folder_of(base), free_port(), Ledger()
    instance.mkdir(parents=True, mode=0o700)
    machine = None
    try:
        world = found(instance, port, n_classes, n_students, seed)
        founded = time.monotonic() - began
        clock = VirtualClock.create(instance / FILE_NAME, at(FIRST_DAY, 7, 30))
        n_cuts = max(3, n_classes // 2)
        machine = Machine(world.settings, clock, port, random.Random(f"{seed}-dien"))
        school = School(world, machine, ledger, seed)
        year = Year(world, machine, school, seed, n_cuts, say)
        stuck: list[str] = []
        try:
            year.run()
        except (Stuck, Refused) as why:
            stuck.append(f"{local(clock.now()):%H:%M %d/%m/%Y}: {why}")
            machine.settle()
            machine.switch_off()
        lived = time.monotonic() - began - founded
        promises = [Promise("ai cũng làm được việc của mình qua trang web, sau mỗi lần mất điện", stuck)]
        if not stuck:
            promises += judgement.judge(world, ledger, year.reminder_faults, year.n_reminded, machine.n_cuts)
            promises.append(Promise("đồng hồ chạy sai: việc định kì dừng rồi chạy tiếp", year.clock_faults))
        world.close()
    finally:
        if machine is not None:
            machine.settle()
            machine.switch_off()
        if keep is None:
            shutil.rmtree(base, ignore_errors=True)
    whole = time.monotonic() - began
    return Report(
        promises,
        {
            "lớp và học sinh": f"{n_classes} x {n_students}",
            "lượt người làm việc": str(school.n_visits),
            "yêu cầu HTTP": f"{school.n_requests}, mất trả lời {school.n_lost}",
            "mất điện": str(machine.n_cuts),
            "trả lại": str(school.n_returns),
            "câu hỏi đã trả lời": str(school.n_answers),
            "giây": f"{whole:.0f} (lập trường {founded:.0f}, năm học {lived:.0f}, trong đó bật máy {machine.seconds_starting:.0f})",
            "giây CPU": f"máy chủ {machine.cpu_seconds:.0f}, người dùng và lập trường {_cpu() - cpu:.0f}",
        },
        world,
        ledger,
    )


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
