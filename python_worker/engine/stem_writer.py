"""Writing the stems of an attempt in place of MSST, under safe names, all at once."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy

from ..protocol import SeparateOptions, WrittenStem
from .open_stem import OpenStem
from .stem_thread import StemThread


class StemWriter:
    """Writes the stems of one attempt into its folder.

    Args:
        output_dir: there and empty.
        options: format and subtype.
        before_block: called before each block of some megabytes; may raise to cancel.
    """

    def __init__(self, output_dir: Path, options: SeparateOptions, before_block: Callable[[], None]) -> None:
        self._output_dir = output_dir
        self._options = options
        self._before_block = before_block
        self._path_of: dict[str, Path] = {}
        self._threads: dict[str, StemThread] = {}

    def append(self, instrument: str, audio: Any, sample_rate: int, *, of: int) -> None:
        """Encode what comes next of a stem, in a thread of its own.

        Args:
            audio: of shape (samples, channels) or (samples,), 1.0 is full scale; to be left as it is. What
                lies beyond is clipped by PCM as MSST clips it, and counted.
            of: samples of the whole stem.

        Raises:
            Failure: what came before holds NaN or infinity.
            OSError: what came before could not be written; above all, the disk is full.
        """
        audio = audio[:, numpy.newaxis] if audio.ndim == 1 else audio
        if instrument not in self._threads:
            path, shape = self._new_path(instrument), (of, audio.shape[1])
            stem = OpenStem(path, instrument, shape, sample_rate, self._options, self._before_block)
            self._threads[instrument] = StemThread(stem, of)
        self._threads[instrument].append(audio)

    def forget(self, instrument: str) -> None:
        """Leave out what was written of a stem: it is written anew. As on a disk, the last one counts."""
        thread = self._threads.pop(instrument, None)
        if thread is not None:
            thread.abandon()
            path = self._path_of.pop(instrument)
            path.unlink(missing_ok=True)

    def finish(self) -> list[WrittenStem]:
        """Wait until all stems that are complete are on the disk for good, with their entries in the folder.

        Raises:
            What writing one of them raised.
        """
        written = [thread.result() for thread in self._threads.values()]
        folder = os.open(self._output_dir, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return [stem for stem in written if stem is not None]

    def discard(self) -> None:
        """Remove what was written: an attempt that fails leaves nothing."""
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
    """A file name for an instrument, whose name is any text that stands in a YAML."""
    name = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", instrument)).strip("._")
    # At most four bytes a character: it stays within the 255 bytes of a file name.
    return name[:50] or "stem"
