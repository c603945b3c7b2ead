"""Measures the peak GPU memory of a separation, by which the server admits others to run beside it."""

from __future__ import annotations

from ...protocol import DevicePeak
from ..memory.device_memory import DeviceMemory
from .model_cache import ModelCache


class PeakMeter:
    """Measures separations one at a time, and releases the cached memory around each.

    Args:
        memory: the GPU's memory.
        models: the loaded models.
    """

    def __init__(self, memory: DeviceMemory, models: ModelCache) -> None:
        self._memory = memory
        self._models = models

    def begin(self) -> None:
        """Start measuring. Releases memory that an earlier separation left, which would count too."""
        self._memory.release()
        self._memory.begin_peak()

    def end(self, *, any_length: bool) -> DevicePeak | None:
        """Finish measuring a separation with the most recently used model.

        Args:
            any_length: whether a longer mixture would not have needed more.

        Returns:
            The separation's peak including its own model, but without the other loaded models.
        """
        peak = self._memory.peak_bytes()
        self._memory.release()
        return None if peak is None else DevicePeak(max(0, peak - self._models.other_bytes()), any_length)
