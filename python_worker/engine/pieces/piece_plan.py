"""Plans how to cut a long mixture so that the kept part of each piece is equal to that of the whole.

MSST's `demix` covers the mixture (padded by `border` on both sides, except for htdemucs) with chunks `step`
samples apart, gives them to the network `batch_size` at a time, and sums the windowed outputs. A piece that
begins at a multiple of `batch_size * step` has the same chunks and batches as the whole. A sample of it is
correct if every chunk that covers it lies inside the piece and in no batch whose window differs: the window
of the last batch has no fade-out, and with batches of one, that of the first has no fade-in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..msst.model_config import batches, setting

CHECKED_SAMPLES = 4096
"""The number of samples before each seam that both pieces compute, for comparison."""


@dataclass(frozen=True)
class Grid:
    """How `demix` divides a mixture into chunks; lengths in samples.

    Attributes:
        chunk: the length of a chunk.
        step: the distance from one chunk's start to the next.
        batch: the number of chunks per forward call.
        border: the padding at both ends; 0 for htdemucs, which has no windows either.
        is_windowed: whether chunks are cross-faded.
    """

    chunk: int
    step: int
    batch: int
    border: int
    is_windowed: bool

    def padding(self, length: int) -> int:
        """The padding at each end of a mixture of this length."""
        return self.border if length > 2 * self.border else 0

    def batches(self, length: int) -> int:
        """The number of forward calls of one pass over a mixture of this length."""
        return batches(length + 2 * self.padding(length), self.step, self.batch)


def grid_of(config: Any, architecture: str) -> Grid | None:
    """The grid from the YAML; None if the YAML does not determine it."""
    is_demucs = (setting(config, "training", "model_type") or architecture) == "htdemucs"
    try:
        if is_demucs:
            chunk = round(setting(config, "training", "samplerate") * setting(config, "training", "segment"))
        else:
            chunk = setting(config, "inference", "chunk_size") or setting(config, "audio", "chunk_size")
        step = chunk // setting(config, "inference", "num_overlap")
        batch = setting(config, "inference", "batch_size")
        if min(chunk, step, batch) < 1:
            return None
        return Grid(chunk, step, batch, 0 if is_demucs else chunk - step, not is_demucs)
    except (TypeError, ZeroDivisionError):
        return None


@dataclass(frozen=True)
class Piece:
    """A piece of the mixture that goes through MSST by itself. Positions are samples of the whole mixture.

    Attributes:
        start, stop: the piece.
        keep_from, keep_to: the part of its stems that is kept.
        checked_from: from here to `keep_from`, the piece recomputes samples of the piece before it.
        first_batch: the index of its first batch; batches are numbered in the whole mixture.
        needed: the batches that the kept and the checked samples depend on.
        clean: the batches whose input is the same as in the whole mixture.
    """

    start: int
    stop: int
    keep_from: int
    keep_to: int
    checked_from: int
    first_batch: int
    needed: frozenset[int]
    clean: frozenset[int]


def plan_pieces(grid: Grid, length: int, target: int) -> list[Piece]:
    """Cut a mixture into pieces that overlap no more than necessary.

    Args:
        grid: the model's chunks and batches.
        length: the mixture's length in samples.
        target: the maximum length of a piece.

    Returns:
        The pieces; a single one, the whole, if it is short enough or if pieces of that length cannot work.
    """
    pieces: list[Piece] = []
    start = keep_from = 0
    while True:
        stop = _stop_after(grid, start, target)
        keep_to = length if stop >= length else _right_until(grid, start, stop)
        following = _start_before(grid, keep_to - CHECKED_SAMPLES)
        # The next piece must begin later, and be long enough to be padded like the whole.
        if stop < length and (following <= start or length - following <= 2 * grid.border):
            return [_piece(grid, length, 0, length, 0, length)]
        if stop >= length:
            pieces.append(_piece(grid, length, start, length, keep_from, length))
            return pieces
        pieces.append(_piece(grid, length, start, stop, keep_from, keep_to))
        start, keep_from = following, keep_to


def _stop_after(grid: Grid, start: int, target: int) -> int:
    """The end of the last batch that fits into a piece; samples beyond it could not be kept."""
    batch_step = grid.batch * grid.step
    first_end = start - grid.border + (grid.batch - 1) * grid.step + grid.chunk
    return first_end + max(0, (target - (first_end - start)) // batch_step) * batch_step


def _right_from(grid: Grid, start: int) -> int:
    """The first sample of a piece that depends on no chunk that begins before the piece."""
    wrong_chunks = math.ceil(grid.border / grid.step)
    if grid.is_windowed:
        wrong_chunks = max(wrong_chunks, 1)
    return start - grid.border + (wrong_chunks - 1) * grid.step + grid.chunk


def _right_until(grid: Grid, start: int, stop: int) -> int:
    """The first sample that depends on a chunk beyond the end of a piece, or on its last batch."""
    last_batch = (grid.batches(stop - start) - 1) * grid.batch * grid.step
    return min(stop - grid.chunk, start - grid.border + last_batch)


def _start_before(grid: Grid, sample: int) -> int:
    """The latest start of a piece that is correct from this sample on."""
    batch_step = grid.batch * grid.step
    return (sample - _right_from(grid, 0)) // batch_step * batch_step


def _piece(grid: Grid, length: int, start: int, stop: int, keep_from: int, keep_to: int) -> Piece:
    first = start // (grid.batch * grid.step)
    checked_from = keep_from if start == 0 else keep_from - CHECKED_SAMPLES
    needed, clean = set(), set()
    for number in range(grid.batches(stop - start)):
        begins = start - grid.padding(stop - start) + number * grid.batch * grid.step
        ends = begins + (grid.batch - 1) * grid.step + grid.chunk
        if ends > checked_from and begins < keep_to:
            needed.add(first + number)
        if (start == 0 or begins >= start) and (stop == length or ends <= stop):
            clean.add(first + number)
    return Piece(start, stop, keep_from, keep_to, checked_from, first, frozenset(needed), frozenset(clean))
