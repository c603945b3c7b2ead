"""Mean and standard deviation of a mixture on disk, as MSST's `normalize_audio` computes them in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy

from .mixture_file import Audio, MixtureFile

BLOCK_SAMPLES = 1 << 22


@dataclass(frozen=True)
class MixtureLevels:
    """Mean and standard deviation of a mixture's mono downmix.

    Attributes:
        mean, std: bit-identical to what MSST's `normalize_audio` computes for the whole mixture.
    """

    mean: Any
    std: Any

    def normalize(self, piece: Audio) -> tuple[Audio, dict[str, Any]]:
        """Replaces `normalize_audio` for a piece of the mixture."""
        return (piece - self.mean) / self.std, {"mean": self.mean, "std": self.std}


def levels_of(mixture: MixtureFile) -> MixtureLevels:
    """Compute the levels in two passes over the mixture, block by block."""
    count = numpy.intp(mixture.samples)

    def average(start: int, stop: int) -> Audio:
        mono: Audio = mixture.read(start, stop).mean(0)
        return mono

    mean = numpy.float32(_pairwise(average, 0, mixture.samples) / count)

    def squares(start: int, stop: int) -> Audio:
        deviation: Audio = average(start, stop) - mean
        deviation *= deviation
        return deviation

    std = numpy.sqrt(numpy.float32(_pairwise(squares, 0, mixture.samples) / count))
    # Avoid dividing silence by zero.
    if not numpy.isfinite(std) or std <= numpy.finfo(numpy.float32).eps:
        std = 1.0
    return MixtureLevels(mean, std)


def _pairwise(values: Callable[[int, int], Audio], start: int, stop: int) -> Any:
    """Sum float32 values by numpy's pairwise summation, so that rounding is the same.

    Source: pairwise_sum in numpy's loops_utils.h.src.
    """
    count = stop - start
    if count <= BLOCK_SAMPLES:
        return numpy.add.reduce(values(start, stop))
    half = count // 2
    half -= half % 8
    return _pairwise(values, start, start + half) + _pairwise(values, start + half, stop)
