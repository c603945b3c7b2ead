"""Sends a heartbeat every two seconds, and exits the process when its parent is gone."""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections.abc import Callable

from ..attempt import Attempt, Notify
from ..protocol import Heartbeat

SECONDS_BETWEEN_BEATS = 2.0


class Heart:
    """Sends heartbeats from a daemon thread until the process ends.

    They include the CPU time: a worker that makes no progress hangs only if it uses no CPU either.

    Args:
        notify: sends a notification to the server.
        current_attempt: returns the attempt in progress, if any.
    """

    def __init__(self, notify: Notify, current_attempt: Callable[[], Attempt | None]) -> None:
        self._notify = notify
        self._current_attempt = current_attempt
        threading.Thread(target=self._beat_for_ever, name="heartbeat", daemon=True).start()

    def beat(self) -> None:
        """Send an additional heartbeat now."""
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
            # macOS has no PDEATHSIG, and a grandchild that inherited our stdin can mask its end of file.
            if os.getppid() != parent:
                os._exit(0)
            self.beat()


def resident_bytes() -> int:
    """Resident memory of this process in bytes; on macOS the peak so far."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
