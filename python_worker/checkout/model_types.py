"""Finds the model types that an MSST builds by parsing `get_model_from_config`: MSST has no list of them.

Neither MSST nor torch is imported for it.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .unknown_type import KEY, compared_texts, holds_type, matched_texts, may_build, stored_names

_NAME = re.compile(r"[^\x00-\x20\x7f]{1,100}")
_MOST_NAMES = 500
MOST_SOURCE_BYTES = 4_000_000
"""Size limit for source files that are parsed; real ones are far smaller."""


@dataclass(frozen=True)
class Loader:
    """The function that builds a network by its type.

    Attributes:
        file: the absolute path of its source file.
        function: its name in that file.
    """

    file: str
    function: str


@dataclass(frozen=True)
class ModelTypes:
    """The model types found in the source.

    Attributes:
        names: all supported types, sorted; None if the source does not show that it refuses all others.
        choices: for each `if … elif …` chain and each `match`, the branch body by type. A type may occur in
            several.
    """

    names: list[str] | None
    choices: list[dict[str, list[ast.stmt]]]


def loader_of(get_model_from_config: Callable[..., object]) -> Loader:
    """Locate the source of a function, unwrapping decorators.

    Raises:
        OSError, TypeError: it has no source.
    """
    function: Any = inspect.unwrap(get_model_from_config)
    file = inspect.getsourcefile(function)
    if file is None:
        raise OSError("no source")
    return Loader(str(Path(file).absolute()), function.__name__)


def model_types(loader: Loader) -> ModelTypes:
    """Find the strings that the type is compared with, in the loader and in functions it passes the type to.

    Only functions of the same file are followed.

    Raises:
        OSError, SyntaxError, ValueError, RecursionError: the source cannot be read or parsed.
    """
    file = Path(loader.file)
    if file.stat().st_size > MOST_SOURCE_BYTES:
        raise OSError("the source is too long")
    reading = _Reading(ast.parse(file.read_bytes()))
    builds_others = reading.builds_others(loader.function)
    names = sorted(reading.names)
    are_fit = 0 < len(names) <= _MOST_NAMES and all(map(_NAME.fullmatch, names))
    return ModelTypes(names if are_fit and not builds_others else None, reading.choices)


class _Reading:
    """One analysis of a file's functions, starting from one of them."""

    def __init__(self, tree: ast.Module) -> None:
        self._functions = _plain_functions(tree)
        self._known: dict[tuple[str, str], bool] = {}
        self.names: set[str] = set()
        self.choices: list[dict[str, list[ast.stmt]]] = []

    def builds_others(self, name: str) -> bool:
        """Whether a function may build a network of a type that it does not name."""
        function = self._functions.get(name)
        parameters = [] if function is None else _parameters(function)
        if not parameters:
            return True
        return self._read(name, KEY if KEY in parameters else parameters[0])

    def _read(self, name: str, parameter: str) -> bool:
        key = (name, parameter)
        if key not in self._known:
            # Provisional, for recursion: a function builds nothing just by calling itself.
            self._known[key] = False
            function = self._functions[name]
            self._collect(function, _holders(function, parameter))
            self._known[key] = may_build(function, parameter, self._called)
        return self._known[key]

    def _called(self, call: ast.Call, types: set[str]) -> bool | None:
        function = self._functions.get(call.func.id) if isinstance(call.func, ast.Name) else None
        if function is None:
            return None
        parameters = _parameters(function)
        given = [
            *zip(parameters, call.args, strict=False),
            *((each.arg, each.value) for each in call.keywords),
        ]
        taking = [name for name, value in given if holds_type(value, types)]
        if len(taking) != 1 or taking[0] not in parameters:
            return None
        return self._read(function.name, str(taking[0]))

    def _collect(self, function: ast.FunctionDef, types: set[str]) -> None:
        later: set[ast.If] = set()
        for node in ast.walk(function):
            if isinstance(node, ast.Call):
                self._called(node, types)
            elif isinstance(node, ast.expr):
                self.names.update(compared_texts(node, types) or ())
            elif isinstance(node, ast.If) and node not in later:
                chain = _chain(node)
                later.update(chain)
                self._choose((_equal_to(each.test, types), each.body) for each in chain)
            elif isinstance(node, ast.Match) and isinstance(node.subject, ast.Name):
                if node.subject.id in types:
                    cases = [(matched_texts(case.pattern) or [], case.body) for case in node.cases]
                    self.names.update(name for names, _ in cases for name in names)
                    self._choose(cases)

    def _choose(self, branches: Iterable[tuple[list[str], list[ast.stmt]]]) -> None:
        """Record one choice. If a type occurs in several branches, the first one counts."""
        choice: dict[str, list[ast.stmt]] = {}
        for names, body in branches:
            for name in names:
                choice.setdefault(name, body)
        if choice:
            self.choices.append(choice)


def _chain(first: ast.If) -> list[ast.If]:
    """An `if` statement and its `elif`s."""
    chain = [first]
    while len(rest := chain[-1].orelse) == 1 and isinstance(rest[0], ast.If):
        chain.append(rest[0])
    return chain


def _plain_functions(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    """The functions of a file that are neither decorated nor rebound, so that their source is what runs."""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    bound = [*(function.name for function in functions), *stored_names(tree)]
    return {
        function.name: function
        for function in functions
        if not function.decorator_list and bound.count(function.name) == 1
    }


def _holders(function: ast.FunctionDef, parameter: str) -> set[str]:
    """The variables that hold the type anywhere in a function."""
    holders = {parameter}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and holds_type(node.value, holders):
            holders |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return holders


def _parameters(function: ast.FunctionDef) -> list[str]:
    arguments = function.args
    return [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


def _equal_to(test: ast.expr, types: set[str]) -> list[str]:
    """The types for which a condition holds."""
    return [name for each in _alternatives(test) for name in _one_equal_to(each, types)]


def _alternatives(test: ast.expr) -> Iterator[ast.expr]:
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        for value in test.values:
            yield from _alternatives(value)
    else:
        yield test


def _one_equal_to(test: ast.expr, types: set[str]) -> list[str]:
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Eq | ast.In):
        return compared_texts(test, types) or []
    return []
