"""How strong a LoRA adapter is: from the YAML of the model, or from what peft writes beside it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .lora_adapter import AdapterError, shown

# What peft's save_pretrained writes into a folder; of the matrices, the first file that is there counts.
PEFT_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
PEFT_CONFIG = "adapter_config.json"
MAX_CONFIG_BYTES = 10_000_000
MAX_ALPHA = 1e9

# What the YAML's section `lora` and adapter_config.json may set: the merged weights are the same for it.
_WITHOUT_EFFECT = frozenset(
    "auto_mapping base_model_name_or_path bias ensure_weight_tying exclude_modules fan_in_fan_out"
    " inference_mode layers_pattern layers_to_transform lora_dropout megatron_core merge_weights"
    " modules_to_save peft_type peft_version qalora_group_size revision target_modules task_type".split()
)
_READ = frozenset("alpha_pattern enable_lora init_lora_weights lora_alpha r rank_pattern use_rslora".split())

# Beginnings of a training that leave the network's own weights as they are; others take something out.
_PLAIN_BEGINNINGS = (True, False, None, "gaussian", "orthogonal")

# As in peft, the name of a layer or its end; peft would take it as a regular expression.
_PLAIN_PATTERN = re.compile(r"\^?[\w.]+")


@dataclass(frozen=True)
class LoraSettings:
    """What an adapter was trained with.

    Attributes:
        source: where that stands, for sentences.
        rank: of all its matrices; None: of each its own.
        alphas: those of single layers, by their name or its end.
        by_root: whether alpha counts by the root of the rank (peft's use_rslora).
        parts: of a layer that computes several things at once, which of them were trained (loralib's
            enable_lora).
    """

    source: str
    alpha: float
    rank: int | None
    alphas: tuple[tuple[str, float], ...] = ()
    by_root: bool = False
    parts: tuple[bool, ...] = (True,)

    def scaling(self, layer: str, rank: int) -> float:
        """What the product of a layer's matrices is multiplied by.

        Raises:
            AdapterError: the matrices are not of the rank that the settings name.
        """
        if self.rank not in (None, rank):
            raise AdapterError(
                f"the layer {shown(layer)} is of rank {rank}, and {self.source} says {self.rank}"
            )
        alpha = next((alpha for name, alpha in self.alphas if _is_named(layer, name)), self.alpha)
        return alpha / (math.sqrt(rank) if self.by_root else rank)


def peft_files(path: Path) -> list[Path]:
    """The files there are of an adapter by peft, beside the one that was named: in the folder that it is."""
    folder, names = (path, PEFT_WEIGHTS) if path.is_dir() else (path.parent, ())
    return [folder / name for name in (*names, PEFT_CONFIG) if (folder / name).is_file()]


def settings_of_yaml(config: Any) -> LoraSettings:
    """From the section `lora` of a model's YAML, with which MSST trains.

    Raises:
        AdapterError: it does not say how strong the adapter is, or not clearly.
    """
    section: Any = getattr(config, "lora", None)
    values = dict(section.items()) if hasattr(section, "items") else {}
    return _read(values, "the section lora of the model's YAML")


def settings_of_peft(path: Path) -> LoraSettings:
    """From an adapter_config.json.

    Raises:
        AdapterError: as above, or it is none.
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
            f"{source} sets init_lora_weights to {shown(beginning)}, which changes the base too"
        )
    rank, rank_pattern = values.get("r"), values.get("rank_pattern")
    enabled = values.get("enable_lora") or (True,)
    parts = tuple(enabled) if isinstance(enabled, Iterable) else ()
    if not any(parts) or not all(isinstance(part, bool) for part in parts):
        raise AdapterError(f"enable_lora in {source} is no list of true and false with a true in it")
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
        raise AdapterError(f"how strong it is stands nowhere: {name} is missing in {source}")
    # Beyond the largest float, an int of JSON has no size to be compared by.
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < MAX_ALPHA:
        raise AdapterError(f"{name} in {source} is not a number that an alpha may be")
    return float(value)


def _alphas(patterns: Any, source: str) -> list[tuple[str, float]]:
    if not patterns:
        return []
    if not hasattr(patterns, "items"):
        raise AdapterError(f"alpha_pattern in {source} is no list of layers with their alpha")
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
