"""How much memory a device has left, and how much of it this process has taken."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Protocol

import torch

from ..heartbeat import resident_bytes
from ..protocol import DeviceInfo

# What CUDA takes of a GPU for a process that uses it, with the kernels of cuBLAS and cuDNN: no call says it
# for one process, and others come and go while one could measure.
CONTEXT_BYTES = 600_000_000


class DeviceMemory(Protocol):
    """What the models and the separations share."""

    def used_bytes(self) -> int:
        """Taken by this process."""

    def free_bytes(self) -> int:
        """Left for this process: what it freed and has not given back counts as left."""

    def release(self) -> None:
        """Give back what nothing refers to any more."""

    def begin_peak(self) -> None:
        """Forget the peak so far."""

    def peak_bytes(self) -> int | None:
        """The most that `held_bytes` was since then."""

    def held_bytes(self) -> int | None:
        """Taken of a GPU by this process, what it keeps without using it included; None where it is no GPU
        that others may share."""


class CpuMemory:
    """The host's memory.

    Args:
        total_bytes: of the host or of its container.
    """

    def __init__(self, total_bytes: int) -> None:
        self._total_bytes = total_bytes

    def used_bytes(self) -> int:
        """Of this process, in RAM now."""
        return resident_bytes()

    def free_bytes(self) -> int:
        """What the system would still give, where it tells; else what this process has not taken."""
        left = self._total_bytes - self.used_bytes()
        return max(0, min(left, _available_bytes(left)))

    def release(self) -> None:
        """Collect what only cycles hold, as every network does."""
        gc.collect()

    def begin_peak(self) -> None:
        """The host's memory is not counted here."""

    def peak_bytes(self) -> None:
        """Likewise."""

    def held_bytes(self) -> None:
        """Likewise."""


class CudaMemory:
    """The memory of the one GPU this process sees."""

    def used_bytes(self) -> int:
        """What tensors of this process hold."""
        return int(torch.cuda.memory_allocated(0))

    def free_bytes(self) -> int:
        """What the driver has left, and what torch keeps of it without using it."""
        free, _ = torch.cuda.mem_get_info(0)
        cached = torch.cuda.memory_reserved(0) - torch.cuda.memory_allocated(0)
        return int(free + cached)

    def release(self) -> None:
        """Collect first: what torch caches of a network goes only after the network."""
        gc.collect()
        torch.cuda.empty_cache()

    def begin_peak(self) -> None:
        """Forget the peak so far."""
        # Before the first use of the GPU there is none, and torch refuses to forget it.
        if torch.cuda.is_initialized():
            torch.cuda.reset_peak_memory_stats(0)

    def peak_bytes(self) -> int:
        """The most that `held_bytes` was since then."""
        return int(torch.cuda.max_memory_reserved(0)) + self._context_bytes()

    def held_bytes(self) -> int:
        """What torch took of the driver, and what the driver took for this process."""
        return int(torch.cuda.memory_reserved(0)) + self._context_bytes()

    def _context_bytes(self) -> int:
        return CONTEXT_BYTES if torch.cuda.is_initialized() else 0


class MpsMemory:
    """What Metal grants this process."""

    def used_bytes(self) -> int:
        """What tensors of this process hold."""
        return int(torch.mps.current_allocated_memory())

    def free_bytes(self) -> int:
        """Of what Metal recommends at most."""
        return max(0, int(torch.mps.recommended_max_memory()) - self.used_bytes())

    def release(self) -> None:
        """Collect first, as on a GPU."""
        gc.collect()
        torch.mps.empty_cache()

    def begin_peak(self) -> None:
        """One worker has it alone."""

    def peak_bytes(self) -> None:
        """Likewise."""

    def held_bytes(self) -> None:
        """Likewise."""


def memory_of(device: DeviceInfo) -> DeviceMemory:
    """The memory of this device."""
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
