"""What a model's YAML says, in whichever of MSST's two config types it was read."""

from __future__ import annotations

import math
import re
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


def readable_config(path: Path, scratch_dir: Path, architecture: str) -> Path:
    """The YAML, or a copy of it in scratch_dir that MSST can use as it is.

    A copy in UTF-8, since MSST opens it as text and fails at other encodings; and one that has the
    architecture in MSST's own spelling, where the YAML declares it in another one: MSST takes that before all
    else.
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
