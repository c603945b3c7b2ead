"""Reads a LoRA checkpoint: for each layer it changes, two low-rank matrices A and B."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

# `X.lora_A` in loralib; in peft `X.lora_A.default.weight`, saved as `X.lora_A.weight`.
_FACTOR = re.compile(r"(?P<layer>.+)\.lora_(?P<letter>[AB])(?:(?:\.[^.]+)?\.weight)?", re.DOTALL)

# Prefixes that peft, DataParallel and torch.compile add to the names of a wrapped network.
_WRAPPERS = ("base_model.model.", "module.", "_orig_mod.")

MAX_WRAPPERS = 8

# Infix that peft adds to the names of a wrapped layer.
_WRAPPED_LAYER = ".base_layer."


class AdapterError(Exception):
    """A LoRA adapter cannot be merged. The message is a clause that says why."""


@dataclass
class Adapter:
    """A LoRA checkpoint, with the layer names of the network it is for.

    Attributes:
        factors: the matrices A and B by layer.
        weights: full tensors by name, such as biases that were trained too.
    """

    factors: dict[str, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict)
    weights: dict[str, torch.Tensor] = field(default_factory=dict)


def read_adapter(state: Mapping[Any, Any], network: torch.nn.Module) -> Adapter:
    """Match an adapter's state dict to the network's layers.

    Raises:
        AdapterError: an entry matches nothing in the network, a matrix is missing or ambiguous, or there are
            no LoRA matrices.
    """
    layers = {name for name, _ in network.named_modules(remove_duplicate=False)}
    weights = network.state_dict()
    adapter, halves = Adapter(), {}
    for name, tensor in state.items():
        if not isinstance(tensor, torch.Tensor):
            raise AdapterError(f"{shown(name)} in it is not a tensor")
        match = _FACTOR.fullmatch(str(name))
        if match is None:
            own = _known_name(str(name).replace(_WRAPPED_LAYER, "."), weights)
            if own is None:
                raise AdapterError(f"{shown(name)} in it is neither a LoRA matrix nor a weight of this model")
            adapter.weights[own] = tensor
            continue
        layer = _known_name(match["layer"], layers)
        if layer is None:
            raise AdapterError(f"{shown(name)} in it belongs to no layer of this model")
        if (layer, match["letter"]) in halves:
            raise AdapterError(f"it holds more than one adapter for the layer {shown(layer)}")
        halves[layer, match["letter"]] = tensor
    for layer in dict.fromkeys(layer for layer, _ in halves):
        if (layer, "A") not in halves or (layer, "B") not in halves:
            raise AdapterError(f"it holds one of the two LoRA matrices of the layer {shown(layer)} only")
        adapter.factors[layer] = halves[layer, "A"], halves[layer, "B"]
    if not adapter.factors:
        raise AdapterError("it holds no LoRA matrices, whose names end in lora_A and lora_B")
    return adapter


def require_layers(state: Mapping[Any, Any], network: torch.nn.Module) -> None:
    """Check that every matrix of an adapter that MSST has applied belongs to a layer of the network.

    Raises:
        AdapterError: a matrix belongs to no layer; peft only warns about that.
    """
    layers = {name for name, _ in network.named_modules(remove_duplicate=False)}
    for name in state:
        match = _FACTOR.fullmatch(str(name))
        if match is not None and _known_name(match["layer"], layers) is None:
            raise AdapterError(f"{shown(name)} in it belongs to no layer of this model")


def shown(name: object) -> str:
    """A name from a file, shortened for a message."""
    text = str(name)
    return text if len(text) <= 100 else f"{text[:100]}…"


def _known_name(name: str, known: Mapping[str, Any] | set[str]) -> str | None:
    return next((found for found in _without_wrappers(name) if found in known), None)


def _without_wrappers(name: str) -> Iterator[str]:
    yield name
    for _ in range(MAX_WRAPPERS):
        wrapper = next((wrapper for wrapper in _WRAPPERS if name.startswith(wrapper)), None)
        if wrapper is None:
            return
        name = name.removeprefix(wrapper)
        yield name
