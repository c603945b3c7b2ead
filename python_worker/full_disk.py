"""A disk that takes nothing more."""

from __future__ import annotations

import errno

from .protocol import Failure

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The disk is full, the user's share of it is, or a file may not become so long."""


def is_full_disk(error: BaseException) -> bool:
    """Whether an error says that there is no room to write."""
    return isinstance(error, OSError) and error.errno in NO_ROOM


def full_disk_failure(traceback: str) -> Failure:
    """What a client is told of it."""
    sentence = "The disk of the server is full, so this task could not be done. Submit it again later."
    return Failure("INSUFFICIENT_STORAGE", sentence, traceback)
