"""Finds the line of a user's checkout that raised an error, to explain failures of edited files."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

_NOT_THEIRS = ("site-packages", "python_worker")
"""Folders that may lie within a checkout and hold code that is not its own."""


def own_line(error: BaseException, root: Path) -> str | None:
    """The line of the checkout that raised an error itself or in native code, as `inference.py, line 12`.

    Args:
        error: the error.
        root: the checkout's absolute root.

    Returns:
        None if it was raised in a library. For SystemExit and KeyboardInterrupt, the innermost line of the
        checkout that led there.
    """
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    candidates = frames if isinstance(error, SystemExit | KeyboardInterrupt) else frames[-1:]
    return _last_own(candidates, root)


def own_line_of(thread: int, root: Path) -> str | None:
    """The innermost line of the checkout on a thread's current stack.

    Args:
        thread: the thread's identifier.
        root: the checkout's absolute root.
    """
    stack = traceback.walk_stack(sys._current_frames().get(thread))
    return _last_own([(frame.f_code.co_filename, line) for frame, line in stack][::-1], root)


def _last_own(frames: list[tuple[str, int]], root: Path) -> str | None:
    for file, line in reversed(frames):
        path = Path(file)
        if path.is_relative_to(root) and not set(path.relative_to(root).parts) & set(_NOT_THEIRS):
            return f"{path.relative_to(root)}, line {line}"
    return None
