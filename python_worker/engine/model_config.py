"""What a model's YAML says, in whichever of MSST's two config types it was read."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any


def setting(config: Any, section: str, name: str) -> Any:
    """A value of the YAML, or None where it has no such section or key."""
    values = getattr(config, section, None)
    return None if values is None else getattr(values, name, None)


def output_instruments(config: Any) -> list[str]:
    """The stems this model puts out, in its own order: its target alone, where it has one."""
    target = setting(config, "training", "target_instrument")
    if target:
        return [str(target)]
    return [str(name) for name in setting(config, "training", "instruments") or ()]


def is_mono(config: Any) -> bool:
    """Whether the network takes one channel. A YAML that says nothing is of a stereo model."""
    channels = setting(config, "audio", "num_channels")
    if channels is None:
        channels = setting(config, "training", "channels")
    return channels == 1 or setting(config, "model", "stereo") is False


def batches(samples: int, step: int, batch_size: int) -> int:
    """How many batches of chunks, `step` samples apart, cover that many samples."""
    return math.ceil(math.ceil(samples / step) / batch_size)


def override_inference(config: Any, *, num_overlap: int | None, batch_size: int | None) -> None:
    """Set what a task wants otherwise than the YAML; on a copy, or it leaks into the next task."""
    for name, value in (("num_overlap", num_overlap), ("batch_size", batch_size)):
        if value is not None:
            setattr(config.inference, name, value)


def readable_config(path: Path, scratch_dir: Path) -> Path:
    """The YAML, or a UTF-8 copy of it in scratch_dir: MSST opens it as text and fails at other encodings."""
    content = path.read_bytes()
    try:
        content.decode("utf-8")
        return path
    except UnicodeDecodeError:
        copy = scratch_dir / "config.yaml"
        copy.write_text(_decode(content), encoding="utf-8")
        return copy


def _decode(content: bytes) -> str:
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1252"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return content.decode("latin-1")
