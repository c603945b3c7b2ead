"""Which model types an MSST builds, read off the source of its `get_model_from_config`: no list has them."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


@dataclass(frozen=True)
class ModelTypes:
    """What the source says.

    Attributes:
        names: sorted; None where the function does not choose by comparing, as far as can be seen.
        file: where the function stands.
    """

    names: list[str] | None
    file: str


def model_types(get_model_from_config: Callable[..., object]) -> ModelTypes:
    """The texts that the function, and those of its module that it calls, compare `model_type` with.

    Raises:
        OSError, SyntaxError, TypeError: it has no source that can be read.
    """
    function = inspect.unwrap(get_model_from_config)
    file = inspect.getsourcefile(function)
    if file is None:
        raise OSError("no source")
    tree = ast.parse(Path(file).read_bytes())
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    names = {name for node in _reached(function.__name__, functions) for name in _compared(node)}
    found = sorted(name for name in names if _NAME.fullmatch(name))
    # One alone is what a choice by a table leaves: htdemucs has a config of its own kind.
    return ModelTypes(found if len(found) > 1 else None, file)


def _reached(start: str, functions: dict[str, ast.FunctionDef]) -> Iterator[ast.FunctionDef]:
    pending, seen = [start], {start}
    while pending:
        node = functions.get(pending.pop())
        if node is None:
            continue
        yield node
        called = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)} - seen
        seen |= called
        pending += called


def _compared(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(_is_model_type(side) for side in sides):
                yield from (text for side in sides for text in _texts(side))
        elif isinstance(node, ast.Match) and _is_model_type(node.subject):
            patterns = (each for case in node.cases for each in ast.walk(case.pattern))
            yield from (
                text for each in patterns if isinstance(each, ast.MatchValue) for text in _texts(each.value)
            )


def _is_model_type(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "model_type"


def _texts(node: ast.expr) -> Iterator[str]:
    items = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
    values = (item.value for item in items if isinstance(item, ast.Constant))
    yield from (value for value in values if isinstance(value, str))
