"""A sign of life every two seconds, and the process's own end when its parent is gone."""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections.abc import Callable

from .attempt import Attempt, Notify
from .protocol import Heartbeat

SECONDS_BETWEEN_BEATS = 2.0


def start_heartbeat(notify: Notify, current_attempt: Callable[[], Attempt | None]) -> None:
    """Beat on a daemon thread until the process ends.

    The used CPU time goes with it: a worker that ticks no chunk and uses no CPU hangs, a slow one does not.
    """
    threading.Thread(target=_beat, args=(notify, current_attempt), name="heartbeat", daemon=True).start()


def _beat(notify: Notify, current_attempt: Callable[[], Attempt | None]) -> None:
    parent = os.getppid()
    while True:
        time.sleep(SECONDS_BETWEEN_BEATS)
        # macOS has no PDEATHSIG, and a grandchild that inherited our stdin can hide its end.
        if os.getppid() != parent:
            os._exit(0)
        attempt = current_attempt()
        if attempt is not None:
            attempt.flush()
        notify(
            "heartbeat",
            Heartbeat(
                task_id=attempt.key.task_id if attempt else None,
                attempt=attempt.key.attempt if attempt else None,
                cpu_seconds=time.process_time(),
                rss_bytes=resident_bytes(),
            ),
        )


def resident_bytes() -> int:
    """Memory of this process in RAM now (bytes); on macOS the most it has ever been."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
