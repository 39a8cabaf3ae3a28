"""What the server of a simulated school calls instead of ``cli.serve:gateway``: the same application, another clock.

The clock is replaced here and nowhere else. Neither ``flask serve`` nor any setting leads to this module, and it refuses a folder
without the simulator's clock file or with a school that is no sample.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from hocbaso import clock
from hocbaso.cli import serve
from hocbaso.cli.gateway import Gateway
from hocbaso.cli.simulation.virtual_clock import FILE_NAME, VirtualClock, VirtualStopwatch
from hocbaso.services import accounts

TARGET = "hocbaso.cli.simulation.server_entry:gateway"


def gateway() -> Gateway:
    """What the server calls in its worker process."""
    serve._die_with_parent()
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stdout, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    virtual = VirtualClock(Path(os.environ["HOCBASO_INSTANCE"]) / FILE_NAME)
    clock.now = virtual.now
    app: Any = importlib.import_module("hocbaso.factory").create_app(serving=True)
    with app.app_context():
        if not accounts.is_demo():
            raise SystemExit("Đồng hồ giả chỉ chạy với trường mẫu.")
    threading.Thread(target=_tick, args=(app, virtual), name="simulated-ticks", daemon=True).start()
    return Gateway(app, at_end=serve._end)


def _tick(app: Any, virtual: VirtualClock) -> None:
    """The scheduler's thread: at once when the machine comes up, then whenever the simulator's minute has passed."""
    scheduler = importlib.import_module("hocbaso.jobs.scheduler")
    stopwatch = VirtualStopwatch(virtual)
    scheduler.tick(app, stopwatch)
    done = 0
    while True:
        asked = virtual.asked()
        if asked != done:
            scheduler.tick(app, stopwatch)
            done = asked
            virtual.say_ticked(asked)
        time.sleep(0.005)
