"""Temporarily replaces names in MSST's modules while a separation runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

Namespace = dict[str, Any]
"""The globals of a module."""


class ModuleProxy(ModuleType):
    """A proxy of a module with some of its names replaced.

    Args:
        module: the module; used for all other names.
        replaced: the replacements by name.
    """

    def __init__(self, module: ModuleType, **replaced: Any) -> None:
        super().__init__(module.__name__)
        self.__dict__["_module"] = module
        self.__dict__.update(replaced)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_module"], name)


@contextmanager
def replaced_names(replacements: Iterable[tuple[Namespace, str, Any]]) -> Iterator[None]:
    """Replace names in module namespaces for the duration of the block."""
    originals: list[tuple[Namespace, str, Any]] = []
    try:
        for namespace, name, value in replacements:
            originals.append((namespace, name, namespace[name]))
            namespace[name] = value
        yield
    finally:
        for namespace, name, value in reversed(originals):
            namespace[name] = value
