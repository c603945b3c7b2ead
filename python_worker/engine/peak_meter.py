"""What a separation takes of a GPU at most: the server lets others run beside it by that."""

from __future__ import annotations

from ..protocol import DevicePeak
from .device_memory import DeviceMemory
from .model_cache import ModelCache


class PeakMeter:
    """Measures one separation after the other, and gives back what each needed beside its model.

    Args:
        memory: of the GPU.
        models: the loaded ones.
    """

    def __init__(self, memory: DeviceMemory, models: ModelCache) -> None:
        self._memory = memory
        self._models = models

    def begin(self) -> None:
        """A separation begins. What an earlier one left is given back, or it would count too."""
        self._memory.release()
        self._memory.begin_peak()

    def end(self, *, any_length: bool) -> DevicePeak | None:
        """It is done, with the model used last.

        Args:
            any_length: whether a longer mixture would have taken no more.

        Returns:
            What it took, without the models that were loaded beside its own all the while.
        """
        peak = self._memory.peak_bytes()
        self._memory.release()
        return None if peak is None else DevicePeak(max(0, peak - self._models.other_bytes()), any_length)
