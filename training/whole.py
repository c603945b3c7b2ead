"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary file beside `path`: takes its place when the block ends well, is removed when not."""
    temporary = temporary_of(path)
    temporary.touch()
    try:
        with locked(temporary):
            yield temporary
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """The same for a new folder: its files appear together."""
    temporary = temporary_of(path)
    temporary.mkdir(parents=True)
    try:
        with locked(temporary):
            yield temporary
            os.rename(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def temporary_of(path: Path) -> Path:
    """A name beside `path` that only this process uses; what killed ones left under theirs is removed."""
    for left in path.parent.glob(f".{escape(path.name)}.*"):
        if left.suffix[1:].isdigit() and not is_locked(left):
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)
    return path.with_name(f".{path.name}.{os.getpid()}")


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Locks a file or folder until the block or its process ends, and says whether nobody else had done so.

    A process's number would not tell whether it still runs: it may be another's by now, or nobody may have
    waited for the end of a killed one.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        yield has_lock(handle)
    finally:
        os.close(handle)


def has_lock(handle: int) -> bool:
    """Takes the lock of an open file, unless another has it or the file system knows none."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def is_locked(path: Path) -> bool:
    """Whether another writes there; what has gone in the meantime counts as its work too."""
    try:
        with locked(path) as is_free:
            return not is_free
    except OSError:
        return True
