"""How long it takes to separate."""

from __future__ import annotations

import time

import numpy as np

from training.evaluate.separators import Separator
from training.stems import SAMPLE_RATE


class Paced:
    """A way to separate that keeps time.

    Args:
        separate: the way; a `Paced` is called as it is.
    """

    def __init__(self, separate: Separator) -> None:
        self._separate = separate
        self._computing = 0.0
        self._music = 0.0

    def __call__(self, mixture: np.ndarray) -> np.ndarray:
        """Separate a mixture (2, samples)."""
        begun = time.perf_counter()
        stems = self._separate(mixture)
        self._computing += time.perf_counter() - begun
        self._music += mixture.shape[-1] / SAMPLE_RATE
        return stems

    @property
    def pace(self) -> float:
        """Seconds of computing for a second of music so far; not a number where there was no music."""
        return round(self._computing / self._music, 3) if self._music else float("nan")
