"""PyTorch's files: written so that a full disk is seen, read with a sentence for what is wrong."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import torch

from training.command import CommandError


def write_tensors(path: Path, content: dict[str, Any]) -> None:
    """Write what `torch.save` makes of `content`; equal contents give equal bytes.

    Raises:
        OSError: it cannot be written; PyTorch itself would not tell a full disk from other errors.
    """
    saved = io.BytesIO()
    torch.save(content, saved)
    path.write_bytes(saved.getbuffer())


def read_tensors(path: Path) -> dict[str, Any]:
    """What `write_tensors` wrote, on the processor.

    Raises:
        CommandError: the file is something else, or broken.
        OSError: it cannot be read.
    """
    saved = io.BytesIO(path.read_bytes())
    try:
        content = torch.load(saved, map_location="cpu", weights_only=True)
    except (RuntimeError, OSError, LookupError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise CommandError(f"{path} is broken, or no file of PyTorch's.") from error
    if not isinstance(content, dict):
        raise CommandError(f"{path} holds no weights.")
    return content
