"""Bigshifts for a long mixture: averages the stems of all rotations on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy

from ..mixture.mixture_file import Audio, circular

BLOCK_SAMPLES = 1 << 20


class Rotations:
    """Averages every stem over the rotations of the mixture, as MSST's `bigshifts_wrapper` does.

    Args:
        count: the number of rotations.
        samples: the mixture's length.
        folder: holds one file of float32 samples per stem, deleted once it has been read.
    """

    def __init__(self, count: int, samples: int, folder: Path) -> None:
        self.count = count
        self._samples = samples
        self._folder = folder
        self._names: list[str] = []

    def shift(self, rotation: int) -> int:
        """The number of samples that a rotation moves from the mixture's end to its beginning."""
        return rotation * (self._samples // self.count)

    def add(self, rotation: int, instrument: str, start: int, audio: Audio) -> None:
        """Add a piece of a stem.

        Args:
            rotation: the rotation's index; rotation 0 must come first.
            instrument: the stem.
            start: where the piece begins in the rotated mixture.
            audio: the piece, of shape (samples, channels).
        """
        path, channels = self._path(instrument), audio.shape[1]
        begin = start - self.shift(rotation)
        with path.open("r+b" if path.exists() else "w+b") as file:
            for first, last in circular(begin, begin + len(audio), self._samples):
                part, audio = audio[: last - first], audio[last - first :]
                file.seek(first * channels * 4)
                if rotation > 0:
                    before = numpy.frombuffer(file.read(part.size * 4), numpy.float32)
                    part = before.reshape(-1, channels) + part
                    file.seek(first * channels * 4)
                file.write(numpy.ascontiguousarray(part, numpy.float32).tobytes())

    def averages(self, instrument: str, channels: int) -> Iterator[tuple[int, Audio]]:
        """Yield the averaged stem in blocks: the start of each, and its samples, (samples, channels)."""
        path = self._path(instrument)
        with path.open("rb") as file:
            for start in range(0, self._samples, BLOCK_SAMPLES):
                block = numpy.frombuffer(file.read(BLOCK_SAMPLES * channels * 4), numpy.float32)
                average = block.reshape(-1, channels) / numpy.intp(self.count)
                yield start, average.astype(numpy.float32)
        path.unlink()

    def _path(self, instrument: str) -> Path:
        # Numbered files: an instrument's name may be any text.
        if instrument not in self._names:
            self._names.append(instrument)
        return self._folder / f"sum-{self._names.index(instrument)}.f32"
