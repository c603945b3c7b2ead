"""Measures a device's free memory, and the memory that this process uses."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Protocol

import torch

from ...process.heartbeat import resident_bytes
from ...protocol import DeviceInfo

# GPU memory of a process's CUDA context, with the kernels of cuBLAS and cuDNN. An estimate: no call reports
# it per process, and it cannot be measured while other processes come and go.
CONTEXT_BYTES = 600_000_000


class DeviceMemory(Protocol):
    """The memory of a device, shared by loaded models and separations."""

    def used_bytes(self) -> int:
        """The memory in use by this process."""

    def free_bytes(self) -> int:
        """The memory available to this process, including what it has freed but still caches."""

    def release(self) -> None:
        """Collect garbage and release cached memory."""

    def begin_peak(self) -> None:
        """Reset the peak."""

    def peak_bytes(self) -> int | None:
        """The maximum of `held_bytes` since `begin_peak`; None if it is not measured."""

    def held_bytes(self) -> int | None:
        """The GPU memory held by this process, including its cache; None if no shareable GPU."""


class CpuMemory:
    """The host's memory.

    Args:
        total_bytes: the memory of the host or its container.
    """

    def __init__(self, total_bytes: int) -> None:
        self._total_bytes = total_bytes

    def used_bytes(self) -> int:
        """The resident memory of this process."""
        return resident_bytes()

    def free_bytes(self) -> int:
        """The memory that the system reports as available, at most what this process leaves of the total."""
        left = self._total_bytes - self.used_bytes()
        return max(0, min(left, _available_bytes(left)))

    def release(self) -> None:
        """Collect reference cycles, which every network has."""
        gc.collect()

    def begin_peak(self) -> None:
        """Does nothing: host memory is not measured here."""

    def peak_bytes(self) -> None:
        """Always None."""

    def held_bytes(self) -> None:
        """Always None."""


class CudaMemory:
    """The memory of the only GPU that this process sees."""

    def used_bytes(self) -> int:
        """The memory of this process's tensors."""
        return int(torch.cuda.memory_allocated(0))

    def free_bytes(self) -> int:
        """The memory that the driver reports as free, and what torch caches without using it."""
        free, _ = torch.cuda.mem_get_info(0)
        cached = torch.cuda.memory_reserved(0) - torch.cuda.memory_allocated(0)
        return int(free + cached)

    def release(self) -> None:
        """Collect garbage first: torch's cache can only be released once the tensors are gone."""
        gc.collect()
        torch.cuda.empty_cache()

    def begin_peak(self) -> None:
        """Reset the peak."""
        # torch raises an error if the GPU has not been used yet.
        if torch.cuda.is_initialized():
            torch.cuda.reset_peak_memory_stats(0)

    def peak_bytes(self) -> int:
        """The maximum of `held_bytes` since `begin_peak`."""
        return int(torch.cuda.max_memory_reserved(0)) + self._context_bytes()

    def held_bytes(self) -> int:
        """The memory that torch has reserved, and that of the CUDA context."""
        return int(torch.cuda.memory_reserved(0)) + self._context_bytes()

    def _context_bytes(self) -> int:
        return CONTEXT_BYTES if torch.cuda.is_initialized() else 0


class MpsMemory:
    """The memory that Metal grants this process."""

    def used_bytes(self) -> int:
        """The memory of this process's tensors."""
        return int(torch.mps.current_allocated_memory())

    def free_bytes(self) -> int:
        """What is left of Metal's recommended maximum."""
        return max(0, int(torch.mps.recommended_max_memory()) - self.used_bytes())

    def release(self) -> None:
        """Collect garbage first, as for CUDA."""
        gc.collect()
        torch.mps.empty_cache()

    def begin_peak(self) -> None:
        """Does nothing: the device is not shared between workers."""

    def peak_bytes(self) -> None:
        """Always None."""

    def held_bytes(self) -> None:
        """Always None."""


def memory_of(device: DeviceInfo) -> DeviceMemory:
    """The memory of a device."""
    if device.kind == "cuda":
        return CudaMemory()
    if device.kind == "mps":
        return MpsMemory()
    return CpuMemory(device.total_memory_bytes)


def _available_bytes(otherwise: int) -> int:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return otherwise
