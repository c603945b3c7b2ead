"""Replacing names in modules that are not ours, for as long as one separation runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

Namespace = dict[str, Any]
"""The globals of a module."""


class ModuleProxy(ModuleType):
    """A module as it is, but for a few names.

    Args:
        module: answers every other name.
        replaced: the names that are answered otherwise.
    """

    def __init__(self, module: ModuleType, **replaced: Any) -> None:
        super().__init__(module.__name__)
        self.__dict__["_module"] = module
        self.__dict__.update(replaced)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_module"], name)


@contextmanager
def replaced_names(replacements: Iterable[tuple[Namespace, str, Any]]) -> Iterator[None]:
    """Let each name of a namespace mean something else inside the block."""
    originals: list[tuple[Namespace, str, Any]] = []
    try:
        for namespace, name, value in replacements:
            originals.append((namespace, name, namespace[name]))
            namespace[name] = value
        yield
    finally:
        for namespace, name, value in reversed(originals):
            namespace[name] = value
