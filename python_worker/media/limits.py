"""What one hostile file may cost: memory of the child, seconds of its work."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..protocol import Failure

ADDRESS_SPACE_BYTES = 2 * 1024**3
EXAMINATION_SECONDS = 8.0
MOST_SECONDS = 12
"""For what goes on in FFmpeg past `EXAMINATION_SECONDS`, unseen by us."""


def limit_memory() -> None:
    """Caps this process's address space; what goes beyond raises MemoryError. For the media role alone.

    A platform without this limit (macOS) does without it.
    """
    _lower("RLIMIT_AS", ADDRESS_SPACE_BYTES)


def _lower(name: str, most: int) -> Callable[[], None] | None:
    """Lowers a soft limit; gives what sets it back, or None where the platform lacks or refuses it."""
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
"""Of chunks, tags or blocks of a header, one by one; a file of a person's has some dozens."""
TOO_MANY_PIECES = "The file takes too long to examine: it consists of too many tiny or damaged pieces."


class Deadline:
    """Ends an examination that a file has made too long, in words rather than by a kill.

    Counted is the processor's time: for a machine with much else to do, or a slow disk, no file is to blame.
    """

    def __init__(self, seconds: float = EXAMINATION_SECONDS) -> None:
        self._end = time.process_time() + seconds

    def check(self) -> None:
        """Raises Failure INVALID_AUDIO once the time is used up."""
        if time.process_time() > self._end:
            raise Failure(
                "INVALID_AUDIO",
                TOO_MANY_PIECES,
            )


@contextmanager
def limited_work(seconds: int = MOST_SECONDS) -> Iterator[None]:
    """Has the kernel end this process (SIGXCPU) when the block uses more of the processor's time."""
    set_back = _lower("RLIMIT_CPU", int(time.process_time()) + 1 + seconds)
    try:
        yield
    finally:
        if set_back:
            set_back()
