"""What one hostile file may cost: memory of the child, seconds of its time."""

from __future__ import annotations

import resource
import time

from ..protocol import Failure

ADDRESS_SPACE_BYTES = 2 * 1024**3
EXAMINATION_SECONDS = 8.0
"""Below the 10 s after which the server ends a child that still examines."""


def limit_memory() -> None:
    """Caps this process's address space; what goes beyond raises MemoryError. For the media role alone."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    allowed = ADDRESS_SPACE_BYTES if hard == resource.RLIM_INFINITY else min(ADDRESS_SPACE_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (allowed, hard))


class Deadline:
    """Ends an examination that a file has made too long, in words rather than by a kill."""

    def __init__(self, seconds: float = EXAMINATION_SECONDS) -> None:
        self._end = time.monotonic() + seconds

    def check(self) -> None:
        """Raises Failure INVALID_AUDIO once the time is over."""
        if time.monotonic() > self._end:
            raise Failure(
                "INVALID_AUDIO",
                "The file takes too long to examine: it consists of too many tiny or damaged pieces.",
            )
