"""A process that another one started ends with it, however that one ended: in order, by an error, by kill -9.

What Linux offers for this (PR_SET_PDEATHSIG) is bound to the *thread* that started the process: workers are started from
the thread of a request or of a batch, and would be ended with it. So the end of a pipe is watched that multiprocessing
leaves open in the parent alone; the kernel closes it whatever happened.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from multiprocessing.connection import wait


def end_with_parent(grace_seconds: float = 0.0) -> None:
    """Watch the parent of this process, which multiprocessing started, and end ``grace_seconds`` after it is gone.

    Nothing is put in order on the way out: what is being written must bear a cut at any point, as it bears a power cut.
    A process that nobody started by multiprocessing has nobody to watch.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        time.sleep(grace_seconds)
        os._exit(0)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
