"""The device a worker separates on."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch

from ...protocol import DeviceInfo, Failure


def describe_device(device: str) -> DeviceInfo:
    """Describe a device, after checking that torch sees it.

    MSST silently falls back to the CPU if torch sees no GPU; a worker for a GPU must not.

    Args:
        device: `cpu`, `mps` or `cuda:0`.

    Raises:
        Failure: torch does not see it.
    """
    if device == "cpu":
        return DeviceInfo("cpu", _processor_name(), None, _memory_bytes())
    if device == "mps" and torch.backends.mps.is_available():
        return DeviceInfo("mps", _processor_name(), None, int(torch.mps.recommended_max_memory()))
    if device == "cuda:0" and torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        uuid = getattr(properties, "uuid", None)
        return DeviceInfo(
            kind="cuda",
            name=str(properties.name),
            uuid=f"GPU-{uuid}" if uuid is not None else None,
            total_memory_bytes=int(properties.total_memory),
        )
    raise Failure(
        "INTERNAL",
        f"This Python's torch ({torch.__version__}) sees no device {device}. Install a torch that is built"
        " for it, or change the setting devices ([cpu] for no GPU).",
    )


def _processor_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_bytes() -> int:
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        # A container may be limited to less than the machine has.
        return min(installed, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    except (OSError, ValueError):
        return installed
