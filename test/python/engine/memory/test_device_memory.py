"""How much memory a device has and holds."""

from __future__ import annotations

import mmap

import pytest
import torch

from python_worker.engine.memory.device_memory import CpuMemory, CudaMemory


def test_the_memory_of_the_host_is_measured() -> None:
    memory = CpuMemory(total_bytes=2**40)
    before = memory.used_bytes()
    # From the system itself: an allocator may give what a test before this one has used.
    held = mmap.mmap(-1, 64 * 2**20)
    for page in range(0, len(held), mmap.PAGESIZE):
        held[page] = 1
    assert memory.used_bytes() - before > 48 * 2**20
    assert 0 < memory.free_bytes() < 2**40
    assert CpuMemory(total_bytes=len(held)).free_bytes() == 0


@pytest.mark.skipif(torch.cuda.is_initialized(), reason="needs a process that has not used its GPU yet")
def test_a_gpu_that_was_not_used_yet_holds_nothing_and_has_no_peak() -> None:
    memory = CudaMemory()
    memory.begin_peak()
    memory.release()
    assert (memory.held_bytes(), memory.peak_bytes()) == (0, 0)
