"""Decodes the mixture that is most likely separated next while the network works on another."""

from __future__ import annotations

import threading
from pathlib import Path
from types import ModuleType
from typing import Any

from .libsndfile import open_counted


class PreparedMixture:
    """Decodes at most one mixture in advance, in a background thread: librosa and soxr release the GIL.

    Args:
        librosa: MSST's own.
    """

    def __init__(self, librosa: ModuleType) -> None:
        self._librosa = librosa
        self._lock = threading.Lock()
        self._wanted: tuple[Path, int, float] | None = None
        self._thread: threading.Thread | None = None
        self._decoded: tuple[Any, Any] | None = None

    def begin(self, path: Path, sample_rate: int, duration_seconds: float) -> None:
        """Start decoding a mixture of this counted length, and drop any other."""
        wanted = (path, sample_rate, duration_seconds)
        with self._lock:
            if self._wanted == wanted:
                return
            self._wanted, self._decoded = wanted, None
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._decode, name="prepare", daemon=True)
                self._thread.start()

    def take(self, path: Path, arguments: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, Any] | None:
        """Take the result of `librosa.load`; None if it was not prepared with these options or failed.

        Any other prepared mixture is dropped.

        Args:
            path: the mixture's real path.
            arguments, options: the further arguments that MSST passes to librosa.load.
        """
        with self._lock:
            wanted, thread = self._wanted, self._thread
        is_this = wanted is not None and wanted[0] == path
        if is_this and thread is not None:
            thread.join()
        with self._lock:
            decoded, self._decoded, self._wanted = self._decoded, None, None
        if not is_this or wanted is None or arguments or options != _options(wanted[1]):
            return None
        return decoded

    def _decode(self) -> None:
        while True:
            with self._lock:
                wanted = self._wanted
            if wanted is None:
                return
            decoded = self._load(*wanted)
            with self._lock:
                if self._wanted == wanted:
                    self._decoded = decoded
                    return

    def _load(self, path: Path, sample_rate: int, duration_seconds: float) -> tuple[Any, Any] | None:
        try:
            open_counted(path, duration_seconds).close()
            audio, rate = self._librosa.load(path, **_options(sample_rate))
        except Exception:
            # The separation will hit the same error and report it.
            return None
        return audio, rate


def _options(sample_rate: int) -> dict[str, Any]:
    """The options with which every known MSST calls librosa.load."""
    return {"sr": sample_rate, "mono": False}
