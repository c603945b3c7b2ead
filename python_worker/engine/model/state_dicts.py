"""Finds the state dict in a checkpoint: where MSST looks for it, or anywhere one fits the network."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

# MSST descends into each of these keys that it finds, in this order.
MSST_LOOKS_IN = ("state", "state_dict", "model_state_dict")

# Training frameworks nest it no deeper than `{"ema": {"module": ...}}`.
MAX_DEPTH = 3
MAX_MAPPINGS = 10_000
MAX_PREFIXES = 10


@dataclass(frozen=True)
class Found:
    """A state dict with the network's own names.

    Attributes:
        place: in words, the keys in the checkpoint that lead to it, and the prefix removed from its names.
        weights: the tensors by name.
    """

    place: str
    weights: Mapping[str, torch.Tensor]


def state_dict_in(checkpoint: Any) -> Mapping[Any, Any] | None:
    """The weights in a checkpoint, where MSST looks for them; None if there are none."""
    place = where_msst_looks(checkpoint)
    return place if isinstance(place, Mapping) and holds_tensors(place) else None


def where_msst_looks(checkpoint: Any) -> Any:
    """The part of a checkpoint that MSST would load into its network."""
    for key in MSST_LOOKS_IN:
        if isinstance(checkpoint, Mapping) and key in checkpoint:
            checkpoint = checkpoint[key]
    return checkpoint


def fitting_state_dicts(checkpoint: Any, names: Collection[str]) -> list[Found]:
    """Every state dict in a checkpoint that has all the names of a network, possibly with a prefix.

    For example: `module.` of DataParallel, `_orig_mod.` of torch.compile, `model.` of Lightning.
    """
    if not names:
        return []
    longest = max(names, key=len)
    found = []
    for path, place in _mappings(checkpoint):
        ends = [name for name in place if isinstance(name, str) and name.endswith(longest)]
        prefixes = list(dict.fromkeys(name.removesuffix(longest) for name in ends))
        for before in prefixes[:MAX_PREFIXES]:
            if before and not before.endswith("."):
                continue
            weights = _without(before, place)
            if weights.keys() >= set(names):
                found.append(Found(_words(path, before), weights))
    return found


def holds_tensors(place: Mapping[Any, Any]) -> bool:
    """Whether any of its values is a tensor."""
    return any(isinstance(value, torch.Tensor) for value in place.values())


def _words(path: tuple[str, ...], before: str) -> str:
    where = " in ".join(f'"{step[:60]}"' for step in reversed(path))
    words = [f"under {where}"] if path else []
    return (
        ", ".join([*words, *([f'with "{before[:60]}" before its names'] if before else [])]) or "at its top"
    )


def _without(before: str, place: Mapping[Any, Any]) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(before): value
        for name, value in place.items()
        if isinstance(name, str) and name.startswith(before) and isinstance(value, torch.Tensor)
    }


def _mappings(checkpoint: Any) -> Iterator[tuple[tuple[str, ...], Mapping[Any, Any]]]:
    waiting: deque[tuple[tuple[str, ...], Any]] = deque([((), checkpoint)])
    seen: set[int] = set()
    while waiting and len(seen) < MAX_MAPPINGS:
        path, place = waiting.popleft()
        if not isinstance(place, Mapping) or id(place) in seen:
            continue
        seen.add(id(place))
        if holds_tensors(place):
            yield path, place
        if len(path) < MAX_DEPTH:
            waiting += (((*path, str(key)), value) for key, value in place.items())
