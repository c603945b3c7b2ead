"""A thread per stem, so that stems are encoded, hashed and synced to disk in parallel."""

from __future__ import annotations

import contextlib
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from ...protocol import WrittenStem
from .open_stem import OpenStem


class StemThread:
    """Writes an open stem in a background thread.

    libsndfile, hashlib and fsync release the GIL, so the stems of a song are written in parallel, and a piece
    of a long mixture while the network works on the next one.

    Args:
        stem: owned by this object from now on.
        samples: the length of the whole stem.
    """

    def __init__(self, stem: OpenStem, samples: int) -> None:
        self._stem = stem
        self._missing = samples
        self._thread = ThreadPoolExecutor(1, "stem")
        self._written: Future[None] | None = None
        self._closed: Future[WrittenStem] | None = None

    def append(self, audio: Any) -> None:
        """Queue the next samples, of shape (samples, channels), which must not be modified afterwards.

        Waits until the previous ones are written, so that at most one block is queued.

        Raises:
            The error that occurred while writing the previous samples.
        """
        if self._written is not None:
            self._written.result()
        self._written = self._thread.submit(self._stem.append, audio)
        self._missing -= len(audio)
        if self._missing <= 0:
            self._closed = self._thread.submit(self._stem.close)

    def result(self) -> WrittenStem | None:
        """Wait until the stem is synced to disk. Returns None if samples are missing.

        Raises:
            The error that occurred while writing it.
        """
        if self._written is None or self._closed is None:
            return None
        self._written.result()
        stem = self._closed.result()
        self._thread.shutdown()
        return stem

    def abandon(self) -> None:
        """Close the file in whatever state it is; nothing is written to it afterwards."""
        self._thread.shutdown(cancel_futures=True)
        with contextlib.suppress(Exception):
            self._stem.abandon()
