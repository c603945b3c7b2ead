"""The file under libsndfile, which does not say why a write failed, nor, ending a FLAC, that one did."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType


class StemFile:
    """A new file at `path` that remembers what kept it from being written.

    Raises:
        FileExistsError: there is one already.
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
        """Let go of it; what was not synced is not on the disk for certain."""
        self._raw.close()

    def write(self, data: bytes) -> int:
        """Write all of it, and return how much was written: libsndfile stops where that is less."""
        rest = memoryview(data)
        try:
            # A disk that is filling up takes a part only; writing the rest says why.
            while rest:
                rest = rest[self._raw.write(rest) :]
        except OSError as error:
            # Nothing can be thrown through libsndfile.
            self._error = self._error or error
        return len(data) - len(rest)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As files do."""
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        """As files do."""
        return self._raw.tell()

    def read(self, size: int = -1) -> bytes:
        """As files do."""
        return self._raw.read(size) or b""

    def sync(self, *, whole: bool = False) -> None:
        """Force to the disk what was written; with `whole` also all that is known of the file."""
        if whole or not hasattr(os, "fdatasync"):
            os.fsync(self._raw.fileno())
        else:
            os.fdatasync(self._raw.fileno())

    @contextmanager
    def saying_why(self) -> Iterator[None]:
        """Raise at the end of the block what a write in it failed of, whatever libsndfile made of that.

        Raises:
            OSError: above all, the disk is full.
        """
        try:
            yield
        except Exception as error:
            if self._error is not None:
                raise self._error from error
            raise
        if self._error is not None:
            raise self._error
