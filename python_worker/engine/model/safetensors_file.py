"""Reads a safetensors file: a JSON header with names, types and offsets, followed by the data."""

from __future__ import annotations

import json
import math
import mmap
from pathlib import Path
from typing import Any

import torch

MAX_HEADER_BYTES = 100_000_000

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def is_safetensors(path: Path) -> bool:
    """Whether a file begins like a safetensors file: the header's length, then the brace of its JSON."""
    with path.open("rb") as file:
        start = file.read(9)
    return len(start) == 9 and start[8:] == b"{" and int.from_bytes(start[:8], "little") <= MAX_HEADER_BYTES


def load_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """Load the tensors of a file by name, onto the CPU.

    Raises:
        ValueError: the file is truncated, or its header is inconsistent.
    """
    with path.open("rb") as file:
        content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    header_bytes = int.from_bytes(content[:8], "little")
    header = json.loads(bytes(content[8 : 8 + header_bytes]))
    body = content[8 + header_bytes :]
    return {name: _tensor(name, entry, body) for name, entry in header.items() if name != "__metadata__"}


def _tensor(name: str, entry: Any, body: memoryview) -> torch.Tensor:
    try:
        dtype, shape, (start, end) = DTYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
        count = math.prod(shape)
        needed = count * torch.empty(0, dtype=dtype).element_size()
        fits = 0 <= start <= end <= len(body) and end - start == needed
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the safetensors header describes {name} in no known way") from error
    if not fits:
        raise ValueError(f"the safetensors file is not whole at {name}")
    if count == 0:
        return torch.empty(shape, dtype=dtype)
    # Copied: the file may be replaced while the model is in use, and the data may be unaligned.
    return torch.frombuffer(body[start:end], dtype=dtype).clone().reshape(shape)
