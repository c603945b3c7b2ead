"""What becomes of the stems that MSST puts out: those that are wanted are written, one is subtracted."""

from __future__ import annotations

from collections.abc import Callable

from .mixture_file import Audio
from .stem_plan import INSTRUMENTAL, StemPlan
from .stem_writer import StemWriter


class PlannedStems:
    """Writes the stems of a plan as they come, whole or piece by piece.

    Args:
        plan: of the attempt, as it is now: more may be written than was planned.
        writer: of its files.
        samples: of the mixture.
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
        """Take in what comes next of a stem.

        Args:
            stem: of shape (samples, channels).
            mixture: the same samples of the mixture.
        """
        plan = self._plan()
        if instrument in plan.written:
            self._append(instrument, stem)
        if instrument == plan.subtracted:
            self._append(INSTRUMENTAL, mixture - stem)

    def _append(self, instrument: str, audio: Audio) -> None:
        self._writer.append(instrument, audio, self._sample_rate, of=self._samples)
