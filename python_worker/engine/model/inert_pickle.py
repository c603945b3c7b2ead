"""Unpickling that rebuilds tensors and does nothing else.

Training frameworks pickle their whole state beside the weights: argparse, omegaconf, pathlib and optimizer
objects, which weights-only loading refuses. Here every class or function in a pickle that is not on a short
allowlist is replaced by an inert class. Nothing that a pickle names is ever imported or called.
"""

from __future__ import annotations

import collections
import pickle
from collections.abc import Callable, Hashable, Iterator, Mapping
from types import ModuleType
from typing import Any

import numpy
import torch


def inert_pickle_module(inert_names: set[str]) -> ModuleType:
    """A replacement for the `pickle` module, for the `pickle_module` parameter of torch.load.

    Args:
        inert_names: receives the dotted name of everything that was replaced by an inert object.
    """

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            known = _known(module, name)
            if known is None:
                inert_names.add(f"{module}.{name}")
                return type("Inert", (Inert,), {"__module__": __name__, "pickled_name": f"{module}.{name}"})
            return known

    module = ModuleType("inert_pickle")
    vars(module)["Unpickler"] = Unpickler
    vars(module)["load"] = lambda file, **options: Unpickler(file, **options).load()
    return module


class Inert(Mapping[Any, Any]):
    """An object of a class that is not on the allowlist. Accepts whatever a pickle does to it.

    Items that a pickle sets are kept, so that an object of a dict-like class (defaultdict, or one of a
    framework) becomes a plain mapping.

    Attributes:
        pickled_name: the name of the class that it replaces.
        given: the other data that the pickle gave it, for inspection only.
    """

    pickled_name = "unknown"

    # Read by torch: if true, it writes patch files for source changes of old checkpoints.
    dump_patches = False

    given: list[Any]
    _items: dict[Any, Any]

    def __new__(cls, *arguments: Any, **__: Any) -> Inert:
        made = object.__new__(cls)
        made.given, made._items = list(arguments), {}
        return made

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __call__(self, *_: Any, **__: Any) -> Inert:
        return Inert()

    def __setstate__(self, state: Any = None) -> None:
        # The state of a class with slots is a pair.
        self.given += state if isinstance(state, tuple) else (state,)

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, Hashable):
            self._items[key] = value

    def __getitem__(self, key: Any) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    # A pickle may have it in a set or as a key, which other mappings cannot be.
    __hash__ = object.__hash__
    __eq__ = object.__eq__

    def append(self, item: Any) -> None:
        """Ignore list items."""

    extend = add = update = append


class Acting:
    """A function on the allowlist, which a pickle may call.

    Wrapped, because a pickle could set the attributes and defaults of the function itself.
    """

    __slots__ = ("_function",)
    _function: Callable[..., Any]

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setstate__(self, state: Any) -> None:
        pass

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(name)


class NumpyDtype:
    """A numpy dtype of plain numbers, given by its code and byte order only."""

    def __init__(self, code: Any, *_: Any) -> None:
        self._code = code if isinstance(code, str) else ""
        self._order = "="

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">"):
            self._order = state[1]

    def number(self, raw: bytes) -> Any:
        """Decode a number from bytes."""
        if self._code not in ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"):
            return Inert()
        return numpy.frombuffer(raw, numpy.dtype(self._order + self._code))[0]


def _known(module: str, name: str) -> Any:
    if module == "torch" and isinstance(dtype := getattr(torch, name, None), torch.dtype):
        return dtype
    return _KNOWN.get((module.replace("numpy.core", "numpy._core"), name))


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Any:
    empty = torch.empty((0,), dtype=storage.dtype, device=storage._untyped_storage.device)
    return empty.set_(storage._untyped_storage, offset, size, stride)


def _parameter(data: Any, requires_grad: Any = True, *_: Any) -> Any:
    return torch.nn.Parameter(data, bool(requires_grad))


def _tensor_of_a_subclass(function: Any, subclass: Any, arguments: Any, *_: Any) -> Any:
    return function(*arguments) if isinstance(function, Acting) else Inert()


def _numpy_scalar(dtype: Any, raw: Any = b"") -> Any:
    return dtype.number(raw) if isinstance(dtype, NumpyDtype) and isinstance(raw, bytes) else Inert()


def _latin1_bytes(text: Any, encoding: Any = "latin1") -> Any:
    # Pickle protocol 2 encodes bytes this way.
    return text.encode("latin1") if isinstance(text, str) and encoding == "latin1" else Inert()


_KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): Acting(lambda *_: collections.OrderedDict()),
    ("torch._utils", "_rebuild_tensor"): Acting(_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): Acting(_tensor),
    ("torch._utils", "_rebuild_parameter"): Acting(_parameter),
    ("torch._utils", "_rebuild_parameter_with_state"): Acting(_parameter),
    ("torch._tensor", "_rebuild_from_type_v2"): Acting(_tensor_of_a_subclass),
    ("torch", "Size"): Acting(lambda *sizes: torch.Size(*sizes)),
    ("numpy", "dtype"): Acting(NumpyDtype),
    ("numpy._core.multiarray", "scalar"): Acting(_numpy_scalar),
    ("_codecs", "encode"): Acting(_latin1_bytes),
}
