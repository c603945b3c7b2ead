"""Reads a model's YAML, in either of MSST's two config types."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any


def setting(config: Any, section: str, name: str) -> Any:
    """A value of the YAML, or None if it has no such section or key."""
    values = getattr(config, section, None)
    return None if values is None else getattr(values, name, None)


def output_instruments(config: Any) -> list[str]:
    """The stems that the model outputs, in the YAML's order; only the target instrument if there is one."""
    target = setting(config, "training", "target_instrument")
    if target:
        return [str(target)]
    return [str(name) for name in setting(config, "training", "instruments") or ()]


def is_mono(config: Any) -> bool:
    """Whether the network takes one channel. Stereo is assumed if the YAML does not say."""
    channels = setting(config, "audio", "num_channels")
    if channels is None:
        channels = setting(config, "training", "channels")
    return channels == 1 or setting(config, "model", "stereo") is False


def batches(samples: int, step: int, batch_size: int) -> int:
    """The number of batches needed to cover the samples with chunks that are `step` samples apart."""
    return math.ceil(math.ceil(samples / step) / batch_size)


def override_inference(config: Any, *, num_overlap: int | None, batch_size: int | None) -> None:
    """Override the YAML with a task's options. Pass a copy, or they leak into the next task."""
    for name, value in (("num_overlap", num_overlap), ("batch_size", batch_size)):
        if value is not None:
            setattr(config.inference, name, value)


def readable_config(path: Path, scratch_dir: Path, architecture: str) -> Path:
    """The YAML, or a corrected copy of it in scratch_dir if MSST cannot use it as it is.

    The copy is in UTF-8, because MSST opens the YAML as text and fails on other encodings. If the YAML
    declares the architecture in another spelling, the copy has MSST's own: the YAML's value takes precedence.
    """
    content = path.read_bytes()
    text = _decode(content)
    respelled = _DECLARED.sub(lambda found: _respelled(found, architecture), text)
    if respelled == text and _is_utf8(content):
        return path
    copy = scratch_dir / "config.yaml"
    copy.write_text(respelled, encoding="utf-8", newline="")
    return copy


_DECLARED = re.compile(
    r"""^([ \t]+model_type[ \t]*:[ \t]*)(["']?)([\w.-]+)\2(?=[ \t]*(?:\#|\r?$))""", re.MULTILINE
)


def _respelled(found: re.Match[str], architecture: str) -> str:
    key, quote, word = found.groups()
    return f"{key}{quote}{architecture}{quote}" if _letters(word) == _letters(architecture) else found[0]


def _letters(word: str) -> str:
    return re.sub(r"[^a-z0-9]", "", word.lower())


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
        return True
    except UnicodeDecodeError:
        return False


def _decode(content: bytes) -> str:
    if _is_utf8(content):
        return content.decode("utf-8")
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1252"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return content.decode("latin-1")
