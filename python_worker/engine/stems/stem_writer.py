"""Writes the stems of an attempt in place of MSST, under safe names and in parallel."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy

from ...protocol import SeparateOptions, WrittenStem
from .open_stem import OpenStem
from .stem_thread import StemThread


class StemWriter:
    """Writes the stems of one attempt into its folder.

    Args:
        output_dir: an existing, empty folder.
        options: output format and PCM type.
        before_block: called before each block of a few megabytes; may raise to cancel.
    """

    def __init__(self, output_dir: Path, options: SeparateOptions, before_block: Callable[[], None]) -> None:
        self._output_dir = output_dir
        self._options = options
        self._before_block = before_block
        self._path_of: dict[str, Path] = {}
        self._threads: dict[str, StemThread] = {}

    def append(self, instrument: str, audio: Any, sample_rate: int, *, of: int) -> None:
        """Encode the next samples of a stem, in the stem's own thread.

        Args:
            audio: of shape (samples, channels) or (samples,); must not be modified afterwards. 1.0 is full
                scale; samples beyond are clipped by PCM formats as in MSST, and counted.
            of: the length of the whole stem in samples.

        Raises:
            Failure: earlier samples of the stem contain NaN or infinity.
            OSError: earlier samples could not be written; typically the disk is full.
        """
        audio = audio[:, numpy.newaxis] if audio.ndim == 1 else audio
        if instrument not in self._threads:
            path, shape = self._new_path(instrument), (of, audio.shape[1])
            stem = OpenStem(path, instrument, shape, sample_rate, self._options, self._before_block)
            self._threads[instrument] = StemThread(stem, of)
        self._threads[instrument].append(audio)

    def forget(self, instrument: str) -> None:
        """Discard what was written of a stem, because it is written again: the last version counts."""
        thread = self._threads.pop(instrument, None)
        if thread is not None:
            thread.abandon()
            path = self._path_of.pop(instrument)
            path.unlink(missing_ok=True)

    def finish(self) -> list[WrittenStem]:
        """Wait until all complete stems and their directory entries are synced to disk.

        Raises:
            The error that occurred while writing one of them.
        """
        written = [thread.result() for thread in self._threads.values()]
        folder = os.open(self._output_dir, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return [stem for stem in written if stem is not None]

    def discard(self) -> None:
        """Delete everything written. Called when the attempt fails."""
        for thread in self._threads.values():
            thread.abandon()
        for path in self._path_of.values():
            path.unlink(missing_ok=True)

    def _new_path(self, instrument: str) -> Path:
        taken = {path.stem.casefold() for path in self._path_of.values()}
        name = base = safe_name(instrument)
        number = 2
        while name.casefold() in taken:
            name, number = f"{base}_{number}", number + 1
        path = self._output_dir / f"{name}.{self._options.output_format}"
        self._path_of[instrument] = path
        return path


def safe_name(instrument: str) -> str:
    """A safe file name for an instrument, whose name in the YAML may be any text."""
    name = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", instrument)).strip("._")
    # At most four bytes per character, so that it stays within the 255 bytes of a file name.
    return name[:50] or "stem"
