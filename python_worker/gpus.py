"""Lists the GPUs that this interpreter's torch sees. Used where there is no nvidia-smi."""

from __future__ import annotations

import json
import os
from typing import Any


def run_gpus(sink_fd: int) -> int:
    """Run `gpus`: write the list as one line of JSON to sink_fd.

    Returns:
        The exit status.
    """
    import torch

    os.write(sink_fd, json.dumps(list_gpus(torch)).encode("ascii") + b"\n")
    return 0


def list_gpus(torch: Any) -> dict[str, Any]:
    """List the GPUs in index order.

    Args:
        torch: the torch module.

    Returns:
        is_rocm; and the uuids as NVIDIA writes them, None for a GPU that cannot be selected by UUID.
    """
    is_rocm = getattr(torch.version, "hip", None) is not None
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    # ROCm formats UUIDs differently; selecting by index always works there.
    uuids = [None if is_rocm else _uuid(torch.cuda.get_device_properties(index)) for index in range(count)]
    return {"is_rocm": is_rocm, "uuids": uuids}


def _uuid(properties: Any) -> str | None:
    uuid = getattr(properties, "uuid", None)
    return None if uuid is None else f"GPU-{uuid}"
