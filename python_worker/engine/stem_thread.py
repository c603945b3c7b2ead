"""A thread for each stem: encoding, hashing and the disk wait for each other within one, not between two."""

from __future__ import annotations

import contextlib
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from ..protocol import WrittenStem
from .open_stem import OpenStem


class StemThread:
    """Takes an open stem to its end beside whatever the caller goes on with.

    libsndfile, hashlib and fsync let other threads run, so the stems of a song are written at once, and a
    piece of a long one while the network works on the next.

    Args:
        stem: nobody else's from now on.
        samples: of all of it.
    """

    def __init__(self, stem: OpenStem, samples: int) -> None:
        self._stem = stem
        self._missing = samples
        self._thread = ThreadPoolExecutor(1, "stem")
        self._written: Future[None] | None = None
        self._closed: Future[WrittenStem] | None = None

    def append(self, audio: Any) -> None:
        """Hand over what comes next, of shape (samples, channels), to be left as it is.

        It waits until what was handed over before is written: no more than that is ever held.

        Raises:
            What writing that raised.
        """
        if self._written is not None:
            self._written.result()
        self._written = self._thread.submit(self._stem.append, audio)
        self._missing -= len(audio)
        if self._missing <= 0:
            self._closed = self._thread.submit(self._stem.close)

    def result(self) -> WrittenStem | None:
        """The stem, when it is on the disk for good; None: samples of it are missing.

        Raises:
            What writing it raised.
        """
        if self._written is None or self._closed is None:
            return None
        self._written.result()
        stem = self._closed.result()
        self._thread.shutdown()
        return stem

    def abandon(self) -> None:
        """Let go of the file, whatever state it is in; nothing is written to it afterwards."""
        self._thread.shutdown(cancel_futures=True)
        with contextlib.suppress(Exception):
            self._stem.abandon()
