"""Limits the memory and CPU time that a hostile file can consume."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..protocol import Failure

ADDRESS_SPACE_BYTES = 2 * 1024**3
EXAMINATION_SECONDS = 8.0
MOST_SECONDS = 12
"""Hard CPU time limit for calls into FFmpeg, which cannot check `EXAMINATION_SECONDS`."""


def limit_memory() -> None:
    """Limits this process's address space; larger allocations raise MemoryError. For the media role only.

    Has no effect on platforms without this limit (macOS).
    """
    _lower("RLIMIT_AS", ADDRESS_SPACE_BYTES)


def _lower(name: str, most: int) -> Callable[[], None] | None:
    """Lowers a soft limit. Returns a function that restores it; None if it is not supported or refused."""
    which = getattr(resource, name, None)
    if which is None:
        return None
    before, hard = resource.getrlimit(which)
    try:
        resource.setrlimit(which, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    except (ValueError, OSError):
        return None
    return lambda: resource.setrlimit(which, (before, hard))


MOST_PIECES = 65_536
"""Maximum number of chunks, tags or metadata blocks to walk; real files have some dozens."""
TOO_MANY_PIECES = "The file takes too long to examine: it consists of too many tiny or damaged pieces."


class Deadline:
    """Ends an examination that takes too long with a proper failure, before the process is killed.

    It counts CPU time: a busy machine or a slow disk is not the file's fault.
    """

    def __init__(self, seconds: float = EXAMINATION_SECONDS) -> None:
        self._end = time.process_time() + seconds

    def check(self) -> None:
        """Raises Failure INVALID_AUDIO when the time is used up."""
        if time.process_time() > self._end:
            raise Failure(
                "INVALID_AUDIO",
                TOO_MANY_PIECES,
            )


@contextmanager
def limited_work(seconds: int = MOST_SECONDS) -> Iterator[None]:
    """Has the kernel kill this process (SIGXCPU) if the block uses more CPU time."""
    set_back = _lower("RLIMIT_CPU", int(time.process_time()) + 1 + seconds)
    try:
        yield
    finally:
        if set_back:
            set_back()
