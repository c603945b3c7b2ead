"""Merges LoRA adapters into the weights of a network once, after MSST has loaded it."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from ...protocol import Failure, ModelParams
from ..msst.msst import Msst
from .checkpoint import CheckpointLoader, Log
from .lora_adapter import Adapter, AdapterError, read_adapter, require_layers, shown
from .lora_settings import (
    PEFT_CONFIG,
    PEFT_WEIGHTS,
    LoraSettings,
    peft_files,
    settings_of_peft,
    settings_of_yaml,
)
from .state_dicts import state_dict_in

# Real adapters have a rank of some dozens, but a file may claim any.
MAX_RANK = 10_000

_CONVOLUTIONS = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)


def msst_applies_peft(msst: Msst, model: ModelParams) -> bool:
    """Whether this MSST itself applies the model's peft adapter, as the msst package does.

    A checkout accepts the option, but its inference.py ignores it.
    """
    folder = model.lora_checkpoint_peft
    return (
        msst.call_shape == "package"
        and folder is not None
        and model.lora_checkpoint_loralib is None
        and Path(folder, PEFT_CONFIG).is_file()
        and importlib.util.find_spec("peft") is not None
    )


def merge_adapters(
    network: torch.nn.Module, config: Any, model: ModelParams, log: Log, *, peft_is_applied: bool
) -> None:
    """Add a model's LoRA adapters to the weights of its network.

    Args:
        network: the network, with the weights of its checkpoint.
        config: its YAML.
        model: the model with its adapters.
        log: receives what was merged.
        peft_is_applied: whether MSST has already applied the peft adapter.

    Raises:
        Failure: MODEL_UNAVAILABLE: an adapter does not fit, or its scaling is unknown.
    """
    loader = CheckpointLoader(model, log, of_adapter=True)
    ways: list[tuple[str | None, Callable[[Path], tuple[Path, LoraSettings]]]] = [
        (model.lora_checkpoint_loralib, lambda path: (path, settings_of_yaml(config))),
        (model.lora_checkpoint_peft, lambda path: (_peft_weights(path), _peft_settings(path, config))),
    ]
    try:
        if peft_is_applied:
            require_layers(_state_dict(loader, _peft_weights(Path(str(model.lora_checkpoint_peft)))), network)
            return
        for given, find in ways:
            if given is None:
                continue
            path, settings = find(Path(given))
            adapter = read_adapter(_state_dict(loader, path), network)
            _merge(network, adapter, settings)
            log("info", f"a LoRA adapter is merged into {model.name}, layers changed: {len(adapter.factors)}")
    except AdapterError as error:
        sentence = f"The LoRA checkpoint of {model.name} is not merged: {error}."
        raise Failure("MODEL_UNAVAILABLE", sentence) from error


def _peft_weights(path: Path) -> Path:
    """The weights file of a peft adapter, given its path or its folder."""
    if not path.is_dir():
        return path
    files = {file.name: file for file in peft_files(path)}
    found = next((files[name] for name in PEFT_WEIGHTS if name in files), None)
    if found is None:
        raise AdapterError(f"its folder holds no {' and no '.join(PEFT_WEIGHTS)}")
    return found


def _peft_settings(path: Path, config: Any) -> LoraSettings:
    beside = next((file for file in peft_files(path) if file.name == PEFT_CONFIG), None)
    return settings_of_yaml(config) if beside is None else settings_of_peft(beside)


def _state_dict(loader: CheckpointLoader, path: Path) -> Mapping[Any, Any]:
    return state_dict_in(loader.load(path, map_location="cpu")) or {}


@torch.no_grad()  # type: ignore[untyped-decorator]
def _merge(network: torch.nn.Module, adapter: Adapter, settings: LoraSettings) -> None:
    own = network.state_dict(keep_vars=True)
    for name, tensor in adapter.weights.items():
        if own[name].shape != tensor.shape:
            raise AdapterError(f"{shown(name)} in it has another shape than in this model")
        is_adapted = name.removesuffix(".weight") in adapter.factors
        if is_adapted and not torch.equal(own[name].cpu(), tensor.to("cpu", own[name].dtype)):
            raise AdapterError(
                f"it holds another {shown(name)} next to LoRA matrices, and it is unclear whether they"
                " are merged into it"
            )
        own[name].copy_(tensor)
    layers = dict(network.named_modules(remove_duplicate=False))
    for name, (a, b) in adapter.factors.items():
        weight = _weight_of(layers[name], name)
        product, rank = _product(layers[name], a, b, settings.parts)
        if product is None:
            raise AdapterError(
                f"the LoRA matrices of the layer {shown(name)} have other shapes than the layer takes"
            )
        weight += (product * settings.scaling(name, rank)).to(weight)


def _weight_of(layer: torch.nn.Module, name: str) -> torch.nn.Parameter:
    weight = layer._parameters.get("weight")
    # A weight recomputed at every call, as by weight_norm, would lose what is added to it.
    if not isinstance(layer, (torch.nn.Linear, *_CONVOLUTIONS)) or weight is None:
        raise AdapterError(
            f"the layer {shown(name)} is neither linear nor a convolution with weights of its own"
        )
    return weight


def _product(
    layer: torch.nn.Module, a: torch.Tensor, b: torch.Tensor, parts: tuple[bool, ...]
) -> tuple[torch.Tensor | None, int]:
    """The unscaled product of two matrices in the shape of a layer's weight, and their rank.

    The product is None if they do not fit the layer.
    """
    shape = layer.weight.shape
    if a.ndim < 2 or b.ndim < 2 or 0 in (*a.shape, *b.shape) or b.shape[1] > MAX_RANK:
        return None, 0
    rank = b.shape[1]
    if isinstance(layer, torch.nn.Linear):
        if a.shape == (rank, shape[1]) and b.shape == (shape[0], rank):
            return _plain(b) @ _plain(a), rank
        return _product_of_parts(shape, a, b, parts), rank
    if getattr(layer, "groups", 1) != 1:
        return None, 0
    if a.ndim == b.ndim == 2:
        # loralib's layout: both matrices are larger by a factor of the size of the square kernel.
        kernel = shape[-1]
        fits = a.shape[0] == rank and rank % kernel == 0 and b.shape[0] * a.shape[1] == math.prod(shape)
        return ((_plain(b) @ _plain(a)).view(shape) if fits else None), rank // kernel
    fits = a.shape == (rank, *shape[1:]) and b.shape == (shape[0], rank, *(1 for _ in shape[2:]))
    return ((_plain(b).flatten(1) @ _plain(a).flatten(1)).view(shape) if fits else None), rank


def _product_of_parts(
    shape: torch.Size, a: torch.Tensor, b: torch.Tensor, parts: tuple[bool, ...]
) -> torch.Tensor | None:
    """The product for loralib's MergedLinear, where each trained part of the output has its own matrices."""
    trained, rank = sum(parts), b.shape[1]
    rows = shape[0] // len(parts)
    fits = (
        shape[0] % len(parts) == 0
        and a.shape == (trained * rank, shape[1])
        and b.shape == (trained * rows, rank)
    )
    if not fits:
        return None
    product = torch.zeros(len(parts), rows, shape[1])
    a, b = _plain(a).unsqueeze(0), _plain(b).unsqueeze(-1)
    computed = torch.nn.functional.conv1d(a, b, groups=trained).squeeze(0)
    product[list(parts)] = computed.view(trained, rows, shape[1])
    return product.view(shape)


def _plain(matrix: torch.Tensor) -> torch.Tensor:
    # Call only for matrices that fit: a tensor in a file may claim a far larger size than its storage.
    return matrix.cpu().float()
