"""A process that catches up on one job and may die in the middle of it: started several times by the tests of the ledger.

Arguments: instance, now (ISO), chance of a crash, seed. Effects are rows of ``machine_state`` named ``effect:<day>:<n>``.
"""

from __future__ import annotations

import os
import random
import sys
import time as stopwatch
from datetime import date, datetime, time, timedelta
from pathlib import Path

from hocbaso import models as m
from hocbaso.db import db
from hocbaso.services import job_ledger
from hocbaso.services.job_ledger import Job
from tests.conftest import make_app


def main() -> None:
    instance, now, chance, seed = (
        Path(sys.argv[1]),
        datetime.fromisoformat(sys.argv[2]),
        float(sys.argv[3]),
        int(sys.argv[4]),
    )
    rng = random.Random(seed)

    def die_sometimes() -> None:
        if rng.random() < chance / 2:
            os._exit(9)

    def prepare(_day: date, _now: datetime) -> str:
        stopwatch.sleep(rng.random() / 100)
        die_sometimes()
        return "x"

    def effect(day: date, _now: datetime, _prepared: str) -> str:
        number = 1
        while db.session.get(m.MachineState, f"effect:{day}:{number}") is not None:
            number += 1
        db.session.add(m.MachineState(key=f"effect:{day}:{number}", value=f"{os.getpid()}"))
        db.session.flush()
        die_sometimes()
        return "ok"

    job_ledger.LEASE = timedelta(milliseconds=400)  # ten minutes in life
    app = make_app(instance)
    job = Job("count", "Đếm", time(6, 0), effect, prepare)
    began = stopwatch.monotonic()
    with app.app_context():
        while stopwatch.monotonic() - began < 30:
            present = now + timedelta(seconds=stopwatch.time() - float(os.environ["HOCBASO_TEST_BEGAN"]))
            job_ledger.catch_up((job,), present)
            if not job_ledger.due_days(job, present):
                sys.exit(0)
            db.session.remove()
            stopwatch.sleep(0.05)
    sys.exit(3)


if __name__ == "__main__":
    main()
