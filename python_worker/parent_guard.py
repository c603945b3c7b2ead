"""No child may outlive its server, not even while its interpreter is stuck in a C call."""

from __future__ import annotations

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that spawned it ends, and first when memory runs out.

    Both on Linux only. Elsewhere the end of stdin and the heartbeat's look at the parent must do.
    """
    parent = os.getppid()
    # A Ctrl-C in the terminal is for the server, which tells its children in its own time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prctl = getattr(ctypes.CDLL(None, use_errno=True), "prctl", None)
    if prctl is None:
        return
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        # It died before the call above could take effect.
        os._exit(0)
    _volunteer_for_the_oom_killer()


def _volunteer_for_the_oom_killer() -> None:
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
            score.write("1000")
    except OSError:
        pass  # A container may forbid it; the worker does its work all the same.
