"""Recognises the errors of a full disk."""

from __future__ import annotations

import errno

from .protocol import Failure

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Disk full, quota exceeded, or maximum file size exceeded."""


def is_full_disk(error: BaseException) -> bool:
    """Whether an error means that there is no space left to write."""
    return isinstance(error, OSError) and error.errno in NO_ROOM


def full_disk_failure(traceback: str) -> Failure:
    """The failure to report when the disk is full."""
    sentence = "The disk of the server is full, so this task could not be completed. Submit it again later."
    return Failure("INSUFFICIENT_STORAGE", sentence, traceback)
