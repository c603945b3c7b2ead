"""Big shifts of a long mixture: its stems from every rotation, averaged on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy

from .mixture_file import Audio, circular

BLOCK_SAMPLES = 1 << 20


class Rotations:
    """The average of every stem over the rotations of the mixture, as MSST's `bigshifts_wrapper` reckons it.

    Args:
        count: of rotations.
        samples: of the mixture.
        folder: for one file of float32 samples for each stem; each is gone once it was read.
    """

    def __init__(self, count: int, samples: int, folder: Path) -> None:
        self.count = count
        self._samples = samples
        self._folder = folder
        self._names: list[str] = []

    def shift(self, rotation: int) -> int:
        """How many samples a rotation takes from the end of the mixture to its beginning."""
        return rotation * (self._samples // self.count)

    def add(self, rotation: int, instrument: str, start: int, audio: Audio) -> None:
        """Add a piece of a stem, of shape (samples, channels), which begins there in the rotated mixture."""
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
        """The finished stem in blocks: where each begins, and its samples of shape (samples, channels)."""
        path = self._path(instrument)
        with path.open("rb") as file:
            for start in range(0, self._samples, BLOCK_SAMPLES):
                block = numpy.frombuffer(file.read(BLOCK_SAMPLES * channels * 4), numpy.float32)
                average = block.reshape(-1, channels) / numpy.intp(self.count)
                yield start, average.astype(numpy.float32)
        path.unlink()

    def _path(self, instrument: str) -> Path:
        # Its name may be anything.
        if instrument not in self._names:
            self._names.append(instrument)
        return self._folder / f"sum-{self._names.index(instrument)}.f32"
