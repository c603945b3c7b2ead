"""Ensures that a child does not outlive its server, even while its interpreter is stuck in a C call."""

from __future__ import annotations

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that spawned it ends.

    Also makes it the OOM killer's first choice. Both on Linux only; elsewhere the end of stdin and the
    heartbeat's check of the parent end the process.
    """
    parent = os.getppid()
    # Ctrl-C in a terminal reaches all processes; the server shuts its children down itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prctl = getattr(ctypes.CDLL(None, use_errno=True), "prctl", None)
    if prctl is None:
        return
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        # The parent died before prctl took effect.
        os._exit(0)
    _volunteer_for_the_oom_killer()


def _volunteer_for_the_oom_killer() -> None:
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
            score.write("1000")
    except OSError:
        pass  # A container may forbid it; the worker works without it.
