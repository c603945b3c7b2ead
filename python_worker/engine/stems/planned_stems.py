"""Handles the stems that MSST outputs: writes the requested ones and subtracts one for the instrumental."""

from __future__ import annotations

from collections.abc import Callable

from ..mixture.mixture_file import Audio
from .stem_plan import INSTRUMENTAL, StemPlan
from .stem_writer import StemWriter


class PlannedStems:
    """Writes the stems of a plan as they arrive, whole or piece by piece.

    Args:
        plan: returns the attempt's current plan; stems may be added to it while MSST writes.
        writer: writes the stem files.
        samples: the length of the mixture and of each stem.
        sample_rate: of mixture and stems.
    """

    def __init__(
        self, plan: Callable[[], StemPlan], writer: StemWriter, samples: int, sample_rate: int
    ) -> None:
        self._plan = plan
        self._writer = writer
        self._samples = samples
        self._sample_rate = sample_rate

    def add(self, instrument: str, stem: Audio, mixture: Audio) -> None:
        """Add the next samples of a stem.

        Args:
            instrument: the stem.
            stem: its samples, of shape (samples, channels).
            mixture: the corresponding samples of the mixture.
        """
        plan = self._plan()
        if instrument in plan.written:
            self._append(instrument, stem)
        if instrument == plan.subtracted:
            self._append(INSTRUMENTAL, mixture - stem)

    def _append(self, instrument: str, audio: Audio) -> None:
        self._writer.append(instrument, audio, self._sample_rate, of=self._samples)
