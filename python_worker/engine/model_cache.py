"""The models a worker keeps loaded: the most recently used ones, as many as fit."""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..protocol import ModelParams
from .device_memory import DeviceMemory
from .lora_settings import peft_files

Stamp = tuple[tuple[int, int], ...]
Identity = tuple[str | bool | None, ...]


@dataclass(frozen=True)
class LoadedModel:
    """A network on its device with its weights, and its YAML as read."""

    name: str
    network: torch.nn.Module
    config: Any
    stamp: Stamp
    size_bytes: int
    """What loading it took of its device."""


class ModelCache:
    """Least recently used models go first; a model whose files have changed is forgotten.

    All together they take at most half of the memory that is left for this process; the model last used
    stays, however large.

    Args:
        memory: of the device the models are loaded to.
    """

    def __init__(self, memory: DeviceMemory) -> None:
        self.loads = 0
        self._memory = memory
        self._measured: dict[Identity, tuple[Stamp, int]] = {}
        self._used_before = 0
        self._models: OrderedDict[Identity, LoadedModel] = OrderedDict()

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

    def make_room(self, model: ModelParams, stamp: Stamp) -> list[str]:
        """To be called before a model is loaded: lets the oldest ones go that would not fit beside it.

        What it took when it was last loaded is known; before the first time its checkpoint stands for it.

        Returns:
            Their names, the oldest first.
        """
        known_stamp, size = self._measured.get(_identity(model), ((), 0))
        # Its checkpoint is the second of its files.
        expected = size if known_stamp == stamp else stamp[1][0] if len(stamp) > 1 else 0
        evicted = self._evict_until(self._limit_bytes() - expected, keep=0)
        self._used_before = self._memory.used_bytes()
        return evicted

    def add(self, model: ModelParams, stamp: Stamp, network: torch.nn.Module, config: Any) -> list[str]:
        """Keep a model that has just been loaded. The oldest ones that do not fit beside what it really took
        are let go; returns their names."""
        self.loads += 1
        taken = self._memory.used_bytes() - self._used_before
        size = max(taken, _size_bytes(network))
        self._measured[_identity(model)] = (stamp, size)
        self._models[_identity(model)] = LoadedModel(model.name, network, config, stamp, size)
        self._models.move_to_end(_identity(model))
        return self._evict_until(self._limit_bytes(), keep=1)

    def _limit_bytes(self) -> int:
        # The other half is for the separation itself.
        return (self._memory.free_bytes() + self.used_bytes()) // 2

    def _evict_until(self, limit_bytes: int, keep: int) -> list[str]:
        evicted = []
        while len(self._models) > keep and self.used_bytes() > limit_bytes:
            _, oldest = self._models.popitem(last=False)
            evicted.append(oldest.name)
        if evicted:
            del oldest
            self._memory.release()
        return evicted

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

    def other_bytes(self) -> int:
        """What loading all but the one used last took."""
        return sum(loaded.size_bytes for loaded in list(self._models.values())[:-1])

    def used_bytes(self) -> int:
        """What loading all of them took."""
        return sum(loaded.size_bytes for loaded in self._models.values())


def file_stamp(model: ModelParams) -> Stamp:
    """Size and time of every file the model is loaded from, its checkpoint the second. Take it before
    loading, so that a file replaced meanwhile is seen the next time.

    Raises:
        OSError: one of them is not there.
    """
    lora = [path for path in (model.lora_checkpoint_peft, model.lora_checkpoint_loralib) if path]
    files = [Path(path) for path in (model.config_path, model.checkpoint_path, *lora)]
    beside = peft_files(Path(model.lora_checkpoint_peft)) if model.lora_checkpoint_peft else []
    return tuple(_stamp(file) for file in (*files, *beside))


def _stamp(path: Path) -> tuple[int, int]:
    stat = os.stat(path)
    return stat.st_size, stat.st_mtime_ns


def _identity(model: ModelParams) -> Identity:
    return (
        model.architecture,
        model.config_path,
        model.checkpoint_path,
        model.lora_checkpoint_peft,
        model.lora_checkpoint_loralib,
        model.precision,
        model.compile,
        *model.msst_arguments,
    )


def _size_bytes(network: torch.nn.Module) -> int:
    tensors = [*network.parameters(), *network.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
