"""A long mixture that goes through MSST in pieces: replaces what one `proc_folder` call reads and writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy
import torch

from ..mixture.mixture_file import Audio, MixtureFile
from ..msst.msst_folder import INPUT_FOLDER
from ..stems.planned_stems import PlannedStems
from .cut import Cut
from .piece_network import PieceNetwork
from .piece_plan import CHECKED_SAMPLES
from .rotations import Rotations

MAX_DIFFERENCE = 1e-5
"""Maximum difference between two pieces at their seam; -100 dBFS."""


class PiecesDiffer(Exception):
    """This MSST or this network does not support processing in pieces."""


class Pieces:
    """Replaces `librosa.load` and the writing of stems, as a Decoder does for a whole mixture.

    MSST sees every piece as a file in the input folder, ordered by rotation and then by position.

    Args:
        mixture: the whole mixture.
        cut: how it is cut.
        stems: receives the kept parts.

    Attributes:
        mixture: the piece that MSST is processing, float32 of shape (channels, samples).
        sample_rate: of the mixture.
        name: the name of the piece's input file, without suffix.
        failure: always None: decoding, which can fail, is already done.
        differ: whether two pieces computed different samples, or MSST does something unsupported with pieces.
        count: the number of pieces per rotation.
        calls: the forward calls of one pass over all rotations.
    """

    failure = None

    def __init__(self, mixture: MixtureFile, cut: Cut, stems: PlannedStems) -> None:
        self.mixture: Audio | None = None
        self.name = ""
        self.differ = False
        self.sample_rate = cut.sample_rate
        self._whole = mixture
        self._pieces = cut.pieces(mixture.samples)
        self.count = len(self._pieces)
        self._rotations = Rotations(cut.rotations, mixture.samples, Path())
        self._network = PieceNetwork(cut.grid, self._pieces)
        self._stems = stems
        self._tails: dict[str, Audio] = {}
        self._written: set[str] = set()
        self._rotation, self._piece = 0, 0
        calls = sum(cut.grid.batches(piece.stop - piece.start) for piece in self._pieces)
        self.calls = calls * cut.rotations

    @property
    def is_last(self) -> bool:
        """Whether MSST is processing the last piece."""
        return self._is_last_rotation and self._piece == len(self._pieces) - 1

    @property
    def _is_last_rotation(self) -> bool:
        return self._rotation == self._rotations.count - 1

    @contextmanager
    def before(self, network: torch.nn.Module) -> Iterator[None]:
        """Create a file per piece in the input folder, and wrap the network for the duration of the block."""
        for file in Path(INPUT_FOLDER).iterdir():
            file.unlink()
        for rotation in range(self._rotations.count):
            for index in range(len(self._pieces)):
                # Only the names matter: MSST processes its files in the order of their names.
                Path(INPUT_FOLDER, f"mixture-{rotation:04}-{index:08}.wav").touch()
        with self._network.before(network):
            yield

    def load(self, path: Any, *arguments: Any, **options: Any) -> tuple[Any, Any]:
        """Replaces librosa.load: reads the piece with that file name.

        Raises:
            PiecesDiffer: MSST requests another sample rate.
        """
        if options.get("sr", self.sample_rate) != self.sample_rate:
            self.refuse()
        self.name = Path(path).stem
        self._rotation, self._piece = map(int, self.name.split("-")[1:])
        self._written.clear()
        self._network.begin(self._piece)
        piece = self._pieces[self._piece]
        self.mixture = self._whole.read(piece.start, piece.stop, self._rotations.shift(self._rotation))
        return self.mixture, self.sample_rate

    def write(self, instrument: str, audio: Audio) -> None:
        """Write the kept part of a piece of a stem.

        Args:
            instrument: the stem.
            audio: the stem of the whole piece, of shape (samples, channels).

        Raises:
            PiecesDiffer: it differs from the previous piece at the seam, or was written already.
        """
        if instrument in self._written:
            self.refuse()
        self._written.add(instrument)
        piece = self._pieces[self._piece]
        if self._piece > 0:
            checked = audio[piece.checked_from - piece.start : piece.keep_from - piece.start]
            if numpy.abs(checked - self._tails[instrument]).max() > MAX_DIFFERENCE:
                self.refuse()
        kept = slice(piece.keep_from - piece.start, piece.keep_to - piece.start)
        self._tails[instrument] = audio[: kept.stop][-CHECKED_SAMPLES:].copy()
        if self._rotations.count == 1:
            assert self.mixture is not None  # MSST has read the piece before it writes stems
            self._stems.add(instrument, audio[kept], self.mixture.T[kept])
            return
        self._rotations.add(self._rotation, instrument, piece.keep_from, audio[kept])
        if self.is_last:
            for start, block in self._rotations.averages(instrument, audio.shape[1]):
                self._stems.add(instrument, block, self._whole.read(start, start + len(block)).T)

    def refuse(self) -> NoReturn:
        """Abort processing in pieces.

        Raises:
            PiecesDiffer: always.
        """
        # Also recorded here, because MSST may replace the exception.
        self.differ = True
        raise PiecesDiffer
