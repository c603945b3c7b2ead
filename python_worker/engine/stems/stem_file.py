"""A file for libsndfile to write to that keeps write errors.

libsndfile does not report why a write failed, nor that one failed at all while it finishes a FLAC.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType


class StemFile:
    """A new file at `path` that remembers its first write error.

    Raises:
        FileExistsError: the file exists already.
    """

    def __init__(self, path: Path) -> None:
        self._raw = path.open("x+b", buffering=0)
        self._error: OSError | None = None

    def __enter__(self) -> StemFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file without syncing it."""
        self._raw.close()

    def write(self, data: bytes) -> int:
        """Write the data. Returns the bytes written; libsndfile stops if that is less than given."""
        rest = memoryview(data)
        try:
            # A disk that fills up causes a short write; writing the rest then raises the reason.
            while rest:
                rest = rest[self._raw.write(rest) :]
        except OSError as error:
            # Exceptions cannot propagate through libsndfile's C code.
            self._error = self._error or error
        return len(data) - len(rest)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position, like a file."""
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        """The current position, like a file."""
        return self._raw.tell()

    def read(self, size: int = -1) -> bytes:
        """Read bytes, like a file."""
        return self._raw.read(size) or b""

    def sync(self, *, whole: bool = False) -> None:
        """Sync the written data to disk; with `whole` also the file's metadata."""
        if whole or not hasattr(os, "fdatasync"):
            os.fsync(self._raw.fileno())
        else:
            os.fdatasync(self._raw.fileno())

    @contextmanager
    def saying_why(self) -> Iterator[None]:
        """Raise the first write error at the end of the block, whatever libsndfile reported.

        Raises:
            OSError: a write failed; typically the disk is full.
        """
        try:
            yield
        except Exception as error:
            if self._error is not None:
                raise self._error from error
            raise
        if self._error is not None:
            raise self._error
