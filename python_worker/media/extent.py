"""How much sound a file holds, as counted, beside what its header declares."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO

from .limits import Deadline

BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Extent:
    """Counts are in samples a channel.

    Attributes:
        samples: counted in the file.
        declared: what the file says it holds; None: it says nothing that a cut would show against.
        staging_reason: why MSST's decoder would not read all of it; None: it does, as far as counting shows.
    """

    samples: int
    declared: int | None = None
    staging_reason: str | None = None


class Window:
    """A stretch of a file that moves on, so that memory stays flat however long the file is.

    Attributes:
        data: the bytes of the stretch.
        base: the offset of its first byte in the file.
        size: the length of the whole file.
        ended: whether nothing follows the stretch.
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
        """Makes index `at` of the stretch, which may lie beyond its end, the first of the next one."""
        self._deadline.check()
        kept = self.data[at:]
        self.base += at
        self._file.seek(self.base + len(kept))
        self.data = kept + self._file.read(BLOCK_BYTES)
        self.ended = self.base + len(self.data) >= self.size


class Region:
    """A part of a file, as PyAV reads it: as if nothing stood before and behind it."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file = file
        self._start = start
        self._size = size
        self._at = 0

    def read(self, most: int) -> bytes:
        """At most so many bytes from here on."""
        self._file.seek(self._start + self._at)
        data = self._file.read(max(0, min(most, self._size - self._at)))
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Moves on; returns where to."""
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def tell(self) -> int:
        """The index of the next byte."""
        return self._at


def size_of(file: BinaryIO) -> int:
    """The file's length in bytes."""
    return os.fstat(file.fileno()).st_size
