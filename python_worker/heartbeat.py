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


class Heart:
    """Beats on a daemon thread until the process ends.

    The used CPU time goes with it: a worker that ticks no chunk and uses no CPU hangs, a slow one does not.

    Args:
        notify: how the server is told.
        current_attempt: what the process works on.
    """

    def __init__(self, notify: Notify, current_attempt: Callable[[], Attempt | None]) -> None:
        self._notify = notify
        self._current_attempt = current_attempt
        threading.Thread(target=self._beat_for_ever, name="heartbeat", daemon=True).start()

    def beat(self) -> None:
        """Beat now, besides."""
        attempt = self._current_attempt()
        if attempt is not None:
            attempt.flush()
        self._notify(
            "heartbeat",
            Heartbeat(
                task_id=attempt.key.task_id if attempt else None,
                attempt=attempt.key.attempt if attempt else None,
                cpu_seconds=time.process_time(),
                rss_bytes=resident_bytes(),
            ),
        )

    def _beat_for_ever(self) -> None:
        parent = os.getppid()
        while True:
            time.sleep(SECONDS_BETWEEN_BEATS)
            # macOS has no PDEATHSIG, and a grandchild that inherited our stdin can hide its end.
            if os.getppid() != parent:
                os._exit(0)
            self.beat()


def resident_bytes() -> int:
    """Memory of this process in RAM now (bytes); on macOS the most it has ever been."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
