"""LRU cache of the models that a worker keeps loaded."""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...protocol import ModelParams
from ..memory.device_memory import DeviceMemory
from .lora_settings import peft_files

Stamp = tuple[tuple[int, int], ...]
Identity = tuple[str | bool | None, ...]


@dataclass(frozen=True)
class LoadedModel:
    """A network on its device, and its parsed YAML."""

    name: str
    network: torch.nn.Module
    config: Any
    stamp: Stamp
    size_bytes: int
    """The device memory that loading it took."""


class ModelCache:
    """Loaded models; the least recently used are evicted first, and those whose files have changed.

    Together they take at most half of the memory available to this process. The most recently used model
    always stays.

    Args:
        memory: the memory of the device that the models are loaded to.
    """

    def __init__(self, memory: DeviceMemory) -> None:
        self.loads = 0
        self._memory = memory
        self._measured: dict[Identity, tuple[Stamp, int]] = {}
        self._used_before = 0
        self._models: OrderedDict[Identity, LoadedModel] = OrderedDict()

    def find(self, model: ModelParams, stamp: Stamp) -> LoadedModel | None:
        """The model if it is loaded and its files have not changed since; else None."""
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
        """Evict the oldest models that would not fit beside this one. Call before loading it.

        Its size is what it took when last loaded; before the first time, the size of its checkpoint.

        Returns:
            The names of the evicted models, the oldest first.
        """
        known_stamp, size = self._measured.get(_identity(model), ((), 0))
        # The checkpoint is the second file of the stamp.
        expected = size if known_stamp == stamp else stamp[1][0] if len(stamp) > 1 else 0
        evicted = self._evict_until(self._limit_bytes() - expected, keep=0)
        self._used_before = self._memory.used_bytes()
        return evicted

    def add(self, model: ModelParams, stamp: Stamp, network: torch.nn.Module, config: Any) -> list[str]:
        """Add a model that has just been loaded, and evict the oldest ones if its real size does not fit.

        Returns:
            The names of the evicted models, the oldest first.
        """
        self.loads += 1
        taken = self._memory.used_bytes() - self._used_before
        size = max(taken, _size_bytes(network))
        self._measured[_identity(model)] = (stamp, size)
        self._models[_identity(model)] = LoadedModel(model.name, network, config, stamp, size)
        self._models.move_to_end(_identity(model))
        return self._evict_until(self._limit_bytes(), keep=1)

    def _limit_bytes(self) -> int:
        # The other half is reserved for the separation itself.
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
        """The names of the loaded models, the most recently used last."""
        return [loaded.name for loaded in self._models.values()]

    def clear(self) -> None:
        """Evict all models."""
        self._models.clear()

    def evict_others(self, model: ModelParams) -> list[str]:
        """Evict all models but this one. Returns their names, the most recently used last."""
        identity = _identity(model)
        others = [key for key in self._models if key != identity]
        return [self._models.pop(key).name for key in others]

    def other_bytes(self) -> int:
        """The memory taken by all models but the most recently used one."""
        return sum(loaded.size_bytes for loaded in list(self._models.values())[:-1])

    def used_bytes(self) -> int:
        """The memory taken by all models."""
        return sum(loaded.size_bytes for loaded in self._models.values())


def file_stamp(model: ModelParams) -> Stamp:
    """Size and modification time of every file the model is loaded from; the checkpoint is the second.

    Take it before loading, so that a file replaced meanwhile is noticed next time.

    Raises:
        OSError: a file is missing.
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
