"""A long mixture, taken through MSST in pieces: what one `proc_folder` call reads and writes of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy
import torch

from .cut import Cut
from .mixture_file import Audio, MixtureFile
from .msst_folder import INPUT_FOLDER
from .planned_stems import PlannedStems
from .rotations import Rotations
from .segment_network import SegmentNetwork
from .segment_plan import CHECKED_SAMPLES

MAX_DIFFERENCE = 1e-5
"""Of two pieces at their seam; -100 dB of full scale."""


class PiecesDiffer(Exception):
    """This MSST, or this network, cannot be given pieces."""


class Pieces:
    """Stands in for `librosa.load` and for the writer of stems, as a Decoder does for a whole mixture.

    To MSST every piece is a file of the input folder; those of one rotation come after those of another.

    Args:
        mixture: the whole.
        cut: how it is cut.
        stems: get what is kept.

    Attributes:
        mixture: the piece that MSST works at, float32 of shape (channels, samples).
        sample_rate: of the mixture.
        name: of its input file, without the ending.
        failure: always None: whatever can fail was read before.
        differ: two pieces made the same samples otherwise, or MSST wants what they were not made for.
        count: of pieces of one rotation.
        calls: forward calls of one pass over all rotations.
    """

    failure = None

    def __init__(self, mixture: MixtureFile, cut: Cut, stems: PlannedStems) -> None:
        self.mixture: Audio | None = None
        self.name = ""
        self.differ = False
        self.sample_rate = cut.sample_rate
        self._whole = mixture
        self._segments = cut.segments(mixture.samples)
        self.count = len(self._segments)
        self._rotations = Rotations(cut.rotations, mixture.samples, Path())
        self._network = SegmentNetwork(cut.grid, self._segments)
        self._stems = stems
        self._tails: dict[str, Audio] = {}
        self._written: set[str] = set()
        self._rotation, self._segment = 0, 0
        calls = sum(cut.grid.batches(segment.stop - segment.start) for segment in self._segments)
        self.calls = calls * cut.rotations

    @property
    def is_last(self) -> bool:
        """Whether nothing comes after the piece that MSST works at."""
        return self._is_last_rotation and self._segment == len(self._segments) - 1

    @property
    def _is_last_rotation(self) -> bool:
        return self._rotation == self._rotations.count - 1

    @contextmanager
    def before(self, network: torch.nn.Module) -> Iterator[None]:
        """Put one file for each piece into the input folder, and stand before the network."""
        for file in Path(INPUT_FOLDER).iterdir():
            file.unlink()
        for rotation in range(self._rotations.count):
            for segment in range(len(self._segments)):
                # Only the name counts: it is the order of the names in which MSST takes its files.
                Path(INPUT_FOLDER, f"mixture-{rotation:04}-{segment:08}.wav").touch()
        with self._network.before(network):
            yield

    def load(self, path: Any, *arguments: Any, **options: Any) -> tuple[Any, Any]:
        """As librosa.load, for the piece of that name.

        Raises:
            PiecesDiffer: MSST wants it at another rate.
        """
        if options.get("sr", self.sample_rate) != self.sample_rate:
            self.refuse()
        self.name = Path(path).stem
        self._rotation, self._segment = map(int, self.name.split("-")[1:])
        self._written.clear()
        self._network.begin(self._segment)
        segment = self._segments[self._segment]
        self.mixture = self._whole.read(segment.start, segment.stop, self._rotations.shift(self._rotation))
        return self.mixture, self.sample_rate

    def write(self, instrument: str, audio: Audio) -> None:
        """Take what is kept of a piece of a stem.

        Args:
            audio: of the piece, of shape (samples, channels).

        Raises:
            PiecesDiffer: it is not as the piece before it made it, or was written already.
        """
        if instrument in self._written:
            self.refuse()
        self._written.add(instrument)
        segment = self._segments[self._segment]
        if self._segment > 0:
            checked = audio[segment.checked_from - segment.start : segment.keep_from - segment.start]
            if numpy.abs(checked - self._tails[instrument]).max() > MAX_DIFFERENCE:
                self.refuse()
        kept = slice(segment.keep_from - segment.start, segment.keep_to - segment.start)
        self._tails[instrument] = audio[: kept.stop][-CHECKED_SAMPLES:].copy()
        if self._rotations.count == 1:
            assert self.mixture is not None  # MSST writes what it has read
            self._stems.add(instrument, audio[kept], self.mixture.T[kept])
            return
        self._rotations.add(self._rotation, instrument, segment.keep_from, audio[kept])
        if self.is_last:
            for start, block in self._rotations.averages(instrument, audio.shape[1]):
                self._stems.add(instrument, block, self._whole.read(start, start + len(block)).T)

    def refuse(self) -> NoReturn:
        """Give the mixture up for pieces.

        Raises:
            PiecesDiffer: always.
        """
        # Kept here too, for MSST may make something else of it.
        self.differ = True
        raise PiecesDiffer
