"""Describes a checkpoint without a usable state dict, and how to convert it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from .inert_pickle import Inert
from .state_dicts import where_msst_looks

MAX_ENTRIES_NAMED = 8
MAX_OBJECTS = 100_000

# The attribute of a pickled torch.nn.Module that holds its submodules.
_LAYERS = "_modules"


@dataclass(frozen=True)
class Unusable:
    """Why a checkpoint cannot be used as it is.

    Attributes:
        reason: a clause.
        may_be_trusted: whether unrestricted unpickling may yield something that MSST can use.
    """

    reason: str
    may_be_trusted: bool = False


def describe_unusable(checkpoint: Any) -> Unusable:
    """Describe why a checkpoint, as read by inert unpickling, cannot be used."""
    place = where_msst_looks(checkpoint)
    network = next((value for value in _looked_at(checkpoint, place) if _is_network(value)), None)
    if network is not None:
        return Unusable(
            f"it holds a whole pickled network ({network.pickled_name}), but MSST needs a state dict; load it"
            " where its code is, and save that with torch.save(model.state_dict(), ...)"
        )
    if isinstance(place, Inert) and _tensors_below(place):
        if _may_be_mapping(place.pickled_name):
            return Unusable("its weights are inside Python objects", may_be_trusted=True)
        return Unusable(
            f"its weights are inside an object of {place.pickled_name}, where MSST does not look; save the"
            " state dict alone with torch.save"
        )
    if isinstance(place, Mapping) and any(_is_numpy_array(value) for value in place.values()):
        return Unusable(
            "its weights are numpy arrays; save them again as tensors, by torch.from_numpy of each"
        )
    return Unusable(f"it holds no weights where MSST looks for them: {_contents(checkpoint)}")


def _looked_at(checkpoint: Any, place: Any) -> Iterator[Any]:
    yield place
    if isinstance(checkpoint, Mapping):
        yield from checkpoint.values()


def _is_network(value: Any) -> bool:
    return isinstance(value, Inert) and any(
        isinstance(state, Mapping) and _LAYERS in state for state in value.given
    )


def _is_numpy_array(value: Any) -> bool:
    return isinstance(value, Inert) and value.pickled_name.startswith("numpy.")


def _may_be_mapping(name: str) -> bool:
    module, _, kind = name.rpartition(".")
    # Only looked up among loaded modules: importing what the checkpoint names could run code.
    known = vars(sys.modules[module]).get(kind) if module in sys.modules else None
    return not isinstance(known, type) or issubclass(known, Mapping)


def _tensors_below(value: Any) -> bool:
    waiting, seen = [value], set[int]()
    while waiting and len(seen) < MAX_OBJECTS:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, torch.Tensor):
            return True
        if isinstance(value, Inert):
            waiting += value.given
        if isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, list | tuple | set):
            waiting += value
    return False


def _contents(checkpoint: Any) -> str:
    if isinstance(checkpoint, Inert):
        return f"it is an object of {checkpoint.pickled_name}"
    if not isinstance(checkpoint, Mapping):
        return f"it is a {type(checkpoint).__name__}"
    names = [str(name)[:60] for name in list(checkpoint)[:MAX_ENTRIES_NAMED]]
    more = ", …" if len(checkpoint) > len(names) else ""
    return f"its entries are {', '.join(names)}{more}" if names else "it is empty"
