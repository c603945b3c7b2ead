"""Prints as JSON what the engine's torch is and what it would compute on."""

from __future__ import annotations

import json

import torch

device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
name = torch.cuda.get_device_name(0) if device == "cuda" else None
print(
    json.dumps(
        {"torch": torch.__version__, "threads": torch.get_num_threads(), "device": device, "gpu": name}
    )
)
