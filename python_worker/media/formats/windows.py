"""Reads of a file in bounded parts."""

from __future__ import annotations

import os
from typing import BinaryIO

from ..limits import Deadline

BLOCK_BYTES = 1 << 20


class Window:
    """A sliding window over a file, so that memory use does not depend on the file's length.

    Attributes:
        data: the bytes in the window.
        base: the file offset of its first byte.
        size: the length of the whole file.
        ended: whether the window reaches the end of the file.
    """

    def __init__(self, file: BinaryIO, start: int, deadline: Deadline) -> None:
        self._file = file
        self._deadline = deadline
        self.data = b""
        self.base = start
        self.size = size_of(file)
        self.ended = False
        self.move_to(0)

    def move_to(self, at: int) -> None:
        """Moves the window to begin at its current index `at`, which may lie beyond its end."""
        self._deadline.check()
        kept = self.data[at:]
        self.base += at
        self._file.seek(self.base + len(kept))
        self.data = kept + self._file.read(BLOCK_BYTES)
        self.ended = self.base + len(self.data) >= self.size


class Region:
    """A file object for PyAV that shows only a part of a file."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file = file
        self._start = start
        self._size = size
        self._at = 0

    def read(self, most: int) -> bytes:
        """Reads at most `most` bytes."""
        self._file.seek(self._start + self._at)
        data = self._file.read(max(0, min(most, self._size - self._at)))
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Sets the position, and returns it."""
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def tell(self) -> int:
        """The current position."""
        return self._at


def size_of(file: BinaryIO) -> int:
    """The file's length in bytes."""
    return os.fstat(file.fileno()).st_size
