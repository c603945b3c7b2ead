"""Which line of a user's checkout an error comes from: only that explains what an edited file fails of."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

_NOT_THEIRS = ("site-packages", "python_worker")
"""Folders below the root of a checkout, or of this project, with code of others."""


def own_line(error: BaseException, root: Path) -> str | None:
    """`inference.py, line 12`, where a line of the checkout raised the error, or called what is not Python.

    Args:
        root: of the checkout; absolute.

    Returns:
        None: it was raised deeper, in a library. Of an exit it is the line that led there.
    """
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    candidates = frames if isinstance(error, SystemExit | KeyboardInterrupt) else frames[-1:]
    return _last_own(candidates, root)


def own_line_of(thread: int, root: Path) -> str | None:
    """The line of the checkout at which a thread is now, or from which it went deeper.

    Args:
        thread: its identifier.
        root: of the checkout; absolute.
    """
    stack = traceback.walk_stack(sys._current_frames().get(thread))
    return _last_own([(frame.f_code.co_filename, line) for frame, line in stack][::-1], root)


def _last_own(frames: list[tuple[str, int]], root: Path) -> str | None:
    for file, line in reversed(frames):
        path = Path(file)
        if path.is_relative_to(root) and not set(path.relative_to(root).parts) & set(_NOT_THEIRS):
            return f"{path.relative_to(root)}, line {line}"
    return None
