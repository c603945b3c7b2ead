"""Where a long mixture may be cut so that what is kept of each piece is what the whole would have given.

MSST's `demix` lays chunks `step` samples apart over the mixture (padded by `border` on both sides, but for
htdemucs), gives them to the network `batch_size` at a time, and adds up what comes out under a window. A
piece that begins at a multiple of `batch_size * step` has its chunks and batches at the same places as the
whole. A sample of it is right where every chunk over it lies inside the piece and is in no batch whose window
differs: that of the last batch has no fade-out, and with batches of one that of the first no fade-in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .model_config import batches, setting

CHECKED_SAMPLES = 4096
"""So many samples before each seam are made by both pieces, and compared."""


@dataclass(frozen=True)
class Grid:
    """How `demix` cuts a mixture up, in samples.

    Attributes:
        chunk: what the network gets at once.
        step: from one chunk to the next.
        batch: chunks of one forward call.
        border: padding at both ends; 0 for htdemucs, which has no windows either.
        is_windowed: whether chunks are faded into each other.
    """

    chunk: int
    step: int
    batch: int
    border: int
    is_windowed: bool

    def padding(self, length: int) -> int:
        """What is added at each end of a mixture of that length."""
        return self.border if length > 2 * self.border else 0

    def batches(self, length: int) -> int:
        """How many forward calls one pass over a mixture of that length takes."""
        return batches(length + 2 * self.padding(length), self.step, self.batch)


def grid_of(config: Any, architecture: str) -> Grid | None:
    """The grid by the YAML; None where it does not tell."""
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
class Segment:
    """A piece of the mixture that goes through MSST by itself; all places are samples of the whole.

    Attributes:
        start, stop: of the piece.
        keep_from, keep_to: of what is kept of its stems.
        checked_from: from here to `keep_from` it makes again what the piece before it made.
        first_batch: the number in the whole of its first batch.
        needed: numbers in the whole of the batches that what it keeps or checks depends on.
        clean: those that get the very data that they would get in the whole.
    """

    start: int
    stop: int
    keep_from: int
    keep_to: int
    checked_from: int
    first_batch: int
    needed: frozenset[int]
    clean: frozenset[int]


def plan_segments(grid: Grid, length: int, target: int) -> list[Segment]:
    """Cut a mixture into pieces that overlap as far as they must.

    Args:
        length: of the mixture in samples.
        target: how long a piece should be at most.

    Returns:
        One piece, the whole, where it is not longer than that, or where pieces so short would not do.
    """
    segments: list[Segment] = []
    start = keep_from = 0
    while True:
        stop = _stop_after(grid, start, target)
        keep_to = length if stop >= length else _right_until(grid, start, stop)
        following = _start_before(grid, keep_to - CHECKED_SAMPLES)
        # The next piece has to begin further on, and to be long enough to be padded as the whole is.
        if stop < length and (following <= start or length - following <= 2 * grid.border):
            return [_segment(grid, length, 0, length, 0, length)]
        if stop >= length:
            segments.append(_segment(grid, length, start, length, keep_from, length))
            return segments
        segments.append(_segment(grid, length, start, stop, keep_from, keep_to))
        start, keep_from = following, keep_to


def _stop_after(grid: Grid, start: int, target: int) -> int:
    """The end of the last batch that fits a piece: what lies behind it could not be kept."""
    batch_step = grid.batch * grid.step
    first_end = start - grid.border + (grid.batch - 1) * grid.step + grid.chunk
    return first_end + max(0, (target - (first_end - start)) // batch_step) * batch_step


def _right_from(grid: Grid, start: int) -> int:
    """The first sample of a piece that no chunk before it, or half before it, has a part in."""
    wrong_chunks = math.ceil(grid.border / grid.step)
    if grid.is_windowed:
        wrong_chunks = max(wrong_chunks, 1)
    return start - grid.border + (wrong_chunks - 1) * grid.step + grid.chunk


def _right_until(grid: Grid, start: int, stop: int) -> int:
    """The first sample that a chunk beyond the end of a piece, or its last batch, has a part in."""
    last_batch = (grid.batches(stop - start) - 1) * grid.batch * grid.step
    return min(stop - grid.chunk, start - grid.border + last_batch)


def _start_before(grid: Grid, sample: int) -> int:
    """The latest start of a piece that is right from this sample on."""
    batch_step = grid.batch * grid.step
    return (sample - _right_from(grid, 0)) // batch_step * batch_step


def _segment(grid: Grid, length: int, start: int, stop: int, keep_from: int, keep_to: int) -> Segment:
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
    return Segment(start, stop, keep_from, keep_to, checked_from, first, frozenset(needed), frozenset(clean))
