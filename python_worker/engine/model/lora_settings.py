"""Reads the scaling of a LoRA adapter from the model's YAML or from peft's adapter_config.json."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .lora_adapter import AdapterError, shown

# The files that peft's save_pretrained writes; the first weights file that exists is used.
PEFT_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
PEFT_CONFIG = "adapter_config.json"
MAX_CONFIG_BYTES = 10_000_000
MAX_ALPHA = 1e9

# Settings of the YAML's section `lora` and of adapter_config.json that do not affect the merged weights.
_WITHOUT_EFFECT = frozenset(
    "auto_mapping base_model_name_or_path bias ensure_weight_tying exclude_modules fan_in_fan_out"
    " inference_mode layers_pattern layers_to_transform lora_dropout megatron_core merge_weights"
    " modules_to_save peft_type peft_version qalora_group_size revision target_modules task_type".split()
)
_READ = frozenset("alpha_pattern enable_lora init_lora_weights lora_alpha r rank_pattern use_rslora".split())

# Values of init_lora_weights that leave the base weights unchanged; others modify them.
_PLAIN_BEGINNINGS = (True, False, None, "gaussian", "orthogonal")

# A layer's name or the end of it. peft treats patterns as regular expressions, which are not supported.
_PLAIN_PATTERN = re.compile(r"\^?[\w.]+")


@dataclass(frozen=True)
class LoraSettings:
    """The training settings of an adapter that determine its scaling.

    Attributes:
        source: where the settings come from, for messages.
        alpha: the adapter's alpha, unless `alphas` names the layer.
        rank: the rank of all its matrices; None if it differs by layer.
        alphas: alpha by layer name, or the end of one.
        by_root: whether alpha is divided by the square root of the rank (peft's use_rslora).
        parts: which parts of a fused layer were trained (loralib's enable_lora).
    """

    source: str
    alpha: float
    rank: int | None
    alphas: tuple[tuple[str, float], ...] = ()
    by_root: bool = False
    parts: tuple[bool, ...] = (True,)

    def scaling(self, layer: str, rank: int) -> float:
        """The factor for the product of a layer's matrices.

        Raises:
            AdapterError: the rank of the matrices is not the one in the settings.
        """
        if self.rank not in (None, rank):
            raise AdapterError(
                f"the layer {shown(layer)} has rank {rank}, but {self.source} says {self.rank}"
            )
        alpha = next((alpha for name, alpha in self.alphas if _is_named(layer, name)), self.alpha)
        return alpha / (math.sqrt(rank) if self.by_root else rank)


def peft_files(path: Path) -> list[Path]:
    """The existing files of a peft adapter: in its folder, or the config next to the named file."""
    folder, names = (path, PEFT_WEIGHTS) if path.is_dir() else (path.parent, ())
    return [folder / name for name in (*names, PEFT_CONFIG) if (folder / name).is_file()]


def settings_of_yaml(config: Any) -> LoraSettings:
    """Read the settings from the section `lora` of a model's YAML, which MSST trains with.

    Raises:
        AdapterError: settings are missing, invalid or not supported.
    """
    section: Any = getattr(config, "lora", None)
    values = dict(section.items()) if hasattr(section, "items") else {}
    return _read(values, "the section lora of the model's YAML")


def settings_of_peft(path: Path) -> LoraSettings:
    """Read the settings from an adapter_config.json.

    Raises:
        AdapterError: the file cannot be read or is not of a LoRA adapter, or as for `settings_of_yaml`.
    """
    try:
        with path.open("rb") as file:
            values = json.loads(file.read(MAX_CONFIG_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise AdapterError(f"its {PEFT_CONFIG} cannot be read") from error
    if not isinstance(values, dict) or values.get("peft_type") != "LORA":
        raise AdapterError(f"its {PEFT_CONFIG} is not one of a LoRA adapter")
    return _read(values, f"its {PEFT_CONFIG}")


def _read(values: dict[Any, Any], source: str) -> LoraSettings:
    for name, value in values.items():
        if value and name not in _WITHOUT_EFFECT | _READ:
            raise AdapterError(f"{source} sets {shown(name)}, which cannot be merged into the weights")
    beginning = values.get("init_lora_weights")
    if not any(beginning is plain or beginning == plain for plain in _PLAIN_BEGINNINGS):
        raise AdapterError(
            f"{source} sets init_lora_weights to {shown(beginning)}, which changes the base weights, too"
        )
    rank, rank_pattern = values.get("r"), values.get("rank_pattern")
    enabled = values.get("enable_lora") or (True,)
    parts = tuple(enabled) if isinstance(enabled, Iterable) else ()
    if not any(parts) or not all(isinstance(part, bool) for part in parts):
        raise AdapterError(f"enable_lora in {source} is not a list of true and false with at least one true")
    return LoraSettings(
        source=source,
        alpha=_alpha(values.get("lora_alpha"), "lora_alpha", source),
        rank=rank if isinstance(rank, int) and not rank_pattern else None,
        alphas=tuple(_alphas(values.get("alpha_pattern"), source)),
        by_root=bool(values.get("use_rslora")),
        parts=parts,
    )


def _alpha(value: Any, name: str, source: str) -> float:
    if value is None:
        raise AdapterError(f"its scaling is unknown: {name} is missing in {source}")
    # Rejects NaN, infinity and huge JSON ints that do not fit a float.
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < MAX_ALPHA:
        raise AdapterError(f"{name} in {source} is not a valid alpha")
    return float(value)


def _alphas(patterns: Any, source: str) -> list[tuple[str, float]]:
    if not patterns:
        return []
    if not hasattr(patterns, "items"):
        raise AdapterError(f"alpha_pattern in {source} is not a mapping of layers to alphas")
    alphas = []
    for name, value in patterns.items():
        if not _PLAIN_PATTERN.fullmatch(str(name)):
            raise AdapterError(f"{shown(name)} at alpha_pattern in {source} is not the plain name of a layer")
        alphas.append((str(name), _alpha(value, f"alpha_pattern.{shown(name)}", source)))
    return alphas


def _is_named(layer: str, pattern: str) -> bool:
    if pattern.startswith("^"):
        return layer == pattern[1:]
    return layer == pattern or layer.endswith(f".{pattern}")
