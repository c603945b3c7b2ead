"""Memory that a step has freed, kept for the next one."""

from __future__ import annotations

import ctypes

# glibc's mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8
# Nothing is given back or taken in a way that gives it back, and what one thread freed, another finds.
SETTINGS = ((M_TRIM_THRESHOLD, -1), (M_MMAP_MAX, 0), (M_ARENA_MAX, 1))


def keep_freed_memory() -> bool:
    """Let this process keep the memory that it frees.

    A step on a processor frees some hundred megabytes in large pieces. glibc gives such pieces back to the
    system at once, which then has to clear every page of the next ones: a tenth of a step's time, or more.

    Returns:
        Whether the C library is one that can be told so; nothing has changed where it is not.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return all([mallopt(setting, value) == 1 for setting, value in SETTINGS])
