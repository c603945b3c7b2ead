"""The models a worker keeps loaded: the most recently used ones, as many as fit."""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..protocol import ModelParams

Stamp = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class LoadedModel:
    """A network on its device with its weights, and its YAML as read."""

    name: str
    network: torch.nn.Module
    config: Any
    stamp: Stamp
    size_bytes: int


class ModelCache:
    """Least recently used models go first; a model whose files have changed is forgotten.

    Args:
        limit_bytes: how much all weights together may take. The model last used stays, however large.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.loads = 0
        self._limit_bytes = limit_bytes
        self._models: OrderedDict[tuple[str | None, ...], LoadedModel] = OrderedDict()

    def find(self, model: ModelParams, stamp: Stamp) -> LoadedModel | None:
        """The model if it is loaded from files as they are now."""
        identity = _identity(model)
        loaded = self._models.get(identity)
        if loaded is None:
            return None
        if loaded.stamp != stamp:
            del self._models[identity]
            return None
        self._models.move_to_end(identity)
        return loaded

    def add(self, model: ModelParams, stamp: Stamp, network: torch.nn.Module, config: Any) -> None:
        """Keep a model that has just been loaded; the oldest ones that no longer fit beside it are let go."""
        self.loads += 1
        self._models[_identity(model)] = LoadedModel(model.name, network, config, stamp, _size_bytes(network))
        self._models.move_to_end(_identity(model))
        evicted = False
        while len(self._models) > 1 and self.used_bytes() > self._limit_bytes:
            self._models.popitem(last=False)
            evicted = True
        if evicted and torch.cuda.is_available():
            torch.cuda.empty_cache()

    def names(self) -> list[str]:
        """What is loaded, the one used last at the end."""
        return [loaded.name for loaded in self._models.values()]

    def clear(self) -> None:
        """Let go of all of them."""
        self._models.clear()

    def evict_others(self, model: ModelParams) -> list[str]:
        """Let go of all but this one. Returns their names, the one used last at the end."""
        identity = _identity(model)
        others = [key for key in self._models if key != identity]
        return [self._models.pop(key).name for key in others]

    def used_bytes(self) -> int:
        """What all weights together take."""
        return sum(loaded.size_bytes for loaded in self._models.values())


def file_stamp(model: ModelParams) -> Stamp:
    """Size and time of every file the model is loaded from. Take it before loading, so that a file replaced
    meanwhile is seen the next time.

    Raises:
        OSError: one of them is not there.
    """
    lora = [path for path in (model.lora_checkpoint_peft, model.lora_checkpoint_loralib) if path]
    return tuple(_stamp(Path(path)) for path in (model.config_path, model.checkpoint_path, *lora))


def _stamp(path: Path) -> tuple[int, int]:
    # A peft adapter is a folder.
    files = sorted(entry for entry in path.iterdir() if entry.is_file()) if path.is_dir() else [path]
    stats = [os.stat(file) for file in files]
    return sum(stat.st_size for stat in stats), max((stat.st_mtime_ns for stat in stats), default=0)


def _identity(model: ModelParams) -> tuple[str | None, ...]:
    return (
        model.architecture,
        model.config_path,
        model.checkpoint_path,
        model.lora_checkpoint_peft,
        model.lora_checkpoint_loralib,
    )


def _size_bytes(network: torch.nn.Module) -> int:
    tensors = [*network.parameters(), *network.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
