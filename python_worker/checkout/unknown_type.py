"""Static analysis of what a function does with a model type that matches none of its comparisons."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

_Part = TypeVar("_Part")
KEY = "model_type"
"""MSST's name for the type, as a parameter, in a YAML and on its command line."""
Called = Callable[[ast.Call, "set[str]"], "bool | None"]
"""Whether a call of a function in the same module may return a network; None: the call is not analysed."""


@dataclass(frozen=True)
class _Names:
    """What is known about the variables at one point in a function.

    Attributes:
        types: the variables that certainly hold the type.
        networks: the variables that may hold a network: anything other than a constant was assigned to them.
    """

    types: frozenset[str]
    networks: frozenset[str]


def may_build(function: ast.FunctionDef, parameter: str, called: Called) -> bool:
    """Whether a function may return a network for a type that none of its comparisons names.

    Args:
        function: the function to analyse.
        parameter: the parameter that holds the type.
        called: decides for the calls in it.
    """
    path = _Path(function, _Names(frozenset((parameter,)), frozenset()), called)
    path.run(function.body)
    return path.builds


def holds_type(value: ast.expr, types: Iterable[str]) -> bool:
    """Whether an expression is the model type, as passed in or as read from the YAML."""
    match value:
        case ast.Name(id=name):
            return name in types
        case ast.Attribute(attr=name):
            return name == KEY
        case ast.Subscript(slice=ast.Constant(value=key)):
            return bool(key == KEY)
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=key), *default], keywords=[]):
            return key == KEY and all(holds_type(each, types) for each in default)
        case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=key), *default], keywords=[]):
            return key == KEY and all(holds_type(each, types) for each in default)
        case ast.IfExp(body=one, orelse=other):
            return holds_type(one, types) and holds_type(other, types)
        case ast.BoolOp(values=values):
            return all(holds_type(each, types) for each in values)
    return False


def compared_texts(test: ast.expr, types: Iterable[str]) -> list[str] | None:
    """The strings that an expression compares the type with; None: it is no such comparison."""
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return None
    sides = [test.left, test.comparators[0]]
    others = [side for side in sides if not (isinstance(side, ast.Name) and side.id in types)]
    if len(others) != 1 or not isinstance(test.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn):
        return None
    if isinstance(test.ops[0], ast.In | ast.NotIn) and others[0] is test.left:
        return None
    items = others[0].elts if isinstance(others[0], ast.Tuple | ast.List | ast.Set) else others
    texts = [item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str)]
    return texts if len(texts) == len(items) else None


def matched_texts(pattern: ast.pattern) -> list[str] | None:
    """The strings that a pattern matches; None: it may match others too."""
    match pattern:
        case ast.MatchValue(value=ast.Constant(value=str(text))):
            return [text]
        case ast.MatchOr(patterns=patterns):
            found = [matched_texts(each) for each in patterns]
            return None if None in found else [text for texts in found for text in texts or ()]
    return None


class _Path:
    """Follows the statements that an unknown type may reach, in order."""

    def __init__(self, function: ast.FunctionDef, names: _Names, called: Called) -> None:
        self._own = {
            *stored_names(function),
            *(each.arg for each in ast.walk(function.args) if isinstance(each, ast.arg)),
        }
        self._names = names
        self._called = called
        self.builds = False

    def run(self, statements: Sequence[ast.stmt]) -> bool:
        """Follow a block. Returns whether the code after it is reachable."""
        return all(self._step(statement) for statement in statements)

    def _step(self, statement: ast.stmt) -> bool:
        for node in ast.walk(statement):
            if isinstance(node, ast.NamedExpr):
                self._bind(node.target.id, is_type=False, is_network=True)
        match statement:
            case ast.Return(value=value):
                first = value.elts[0] if isinstance(value, ast.Tuple) and value.elts else value
                self.builds |= first is not None and self._may_be_network(first)
                return False
            case ast.Raise():
                return False
            case ast.Assert(test=test):
                return self._outcome(test) is not False
            case ast.If(test=test, body=body, orelse=orelse):
                return self._either(*_taken(self._outcome(test), body, orelse))
            case ast.Match(subject=subject, cases=cases):
                return self._either(*self._cases(subject, cases))
            case ast.While(body=body, orelse=orelse):
                return self._either([*body, *orelse], orelse)
            case ast.For(target=target, iter=values, body=body, orelse=orelse):
                self._assign(target, values)
                return self._either([*body, *orelse], orelse)
            case ast.With(items=items, body=body):
                for item in items:
                    if item.optional_vars is not None:
                        self._assign(item.optional_vars, item.context_expr)
                return self.run(body)
            case ast.Try():
                return self._try(statement)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._assign(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._assign(target, value)
            case ast.AugAssign(target=ast.Name(id=name)):
                self._bind(name, is_type=False, is_network=True)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                for alias in names:
                    name = (alias.asname or alias.name).partition(".")[0]
                    self._bind(name, is_type=False, is_network=True)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                self._bind(name, is_type=False, is_network=True)
            case ast.Global(names=shared) | ast.Nonlocal(names=shared):
                for name in shared:
                    self._bind(name, is_type=False, is_network=True)
            case _:
                # A compound statement of a kind that is not analysed: assume the worst.
                self.builds |= hasattr(statement, "body")
        return True

    def _either(self, *blocks: Sequence[ast.stmt]) -> bool:
        before, after = self._names, []
        for block in blocks:
            self._names = before
            if self.run(block):
                after.append(self._names)
        self._names = _union(after) if after else before
        return bool(after)

    def _try(self, statement: ast.Try) -> bool:
        before = self._names
        goes_on = self.run([*statement.body, *statement.orelse])
        whole, self._names = self._names, _union([before, self._names])
        in_handlers = self._either(*(handler.body for handler in statement.handlers))
        if goes_on:
            self._names = _union([whole, self._names]) if in_handlers else whole
        return self.run(statement.finalbody) and (goes_on or in_handlers)

    def _cases(self, subject: ast.expr, cases: list[ast.match_case]) -> list[list[ast.stmt]]:
        """The case bodies that an unknown type may reach; [] if it may match none."""
        is_type = isinstance(subject, ast.Name) and subject.id in self._names.types
        blocks: list[list[ast.stmt]] = []
        for case in cases:
            if is_type and matched_texts(case.pattern) is not None:
                continue
            blocks.append(case.body)
            if isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None and case.guard is None:
                return blocks
        return [*blocks, []]

    def _outcome(self, test: ast.expr) -> bool | None:
        """The value of a condition for an unknown type; None: it may be either."""
        texts = compared_texts(test, self._names.types)
        if texts is not None and isinstance(test, ast.Compare):
            return isinstance(test.ops[0], ast.NotEq | ast.NotIn)
        match test:
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                outcome = self._outcome(operand)
                return None if outcome is None else not outcome
            case ast.BoolOp(op=operator, values=values):
                outcomes = [self._outcome(value) for value in values]
                decides = isinstance(operator, ast.Or)
                if decides in outcomes:
                    return decides
                return None if None in outcomes else not decides
            case ast.Name(id=name) if name in self._names.types:
                return True
            case ast.Constant(value=value):
                return bool(value)
        return None

    def _may_be_network(self, value: ast.expr) -> bool:
        if isinstance(value, ast.Constant) or holds_type(value, self._names.types):
            return False
        match value:
            case ast.Name(id=name):
                return name in self._names.networks or name not in self._own
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return any(map(self._may_be_network, _taken(self._outcome(test), body, orelse)))
            case ast.BoolOp(values=values) | ast.Tuple(elts=values):
                return any(map(self._may_be_network, values))
            case ast.Call():
                return self._called(value, set(self._names.types)) is not False
        return True

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            same = isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts)
            values = value.elts if same and isinstance(value, ast.Tuple) else [value] * len(target.elts)
            for each, its in zip(target.elts, values, strict=True):
                self._assign(each, its)
        elif isinstance(target, ast.Starred):
            self._assign(target.value, value)
        elif isinstance(target, ast.Name):
            is_type = holds_type(value, self._names.types)
            self._bind(target.id, is_type=is_type, is_network=self._may_be_network(value))

    def _bind(self, name: str, *, is_type: bool, is_network: bool) -> None:
        types, networks = self._names.types - {name}, self._names.networks - {name}
        self._names = _Names(
            types | ({name} if is_type else set()), networks | ({name} if is_network else set())
        )


def stored_names(tree: ast.AST) -> list[str]:
    """The names that are assigned to, repeated for each assignment."""
    names = (node for node in ast.walk(tree) if isinstance(node, ast.Name))
    return [name.id for name in names if isinstance(name.ctx, ast.Store)]


def _taken(outcome: bool | None, body: _Part, orelse: _Part) -> list[_Part]:
    return [body, orelse] if outcome is None else [body if outcome else orelse]


def _union(all_names: list[_Names]) -> _Names:
    types, networks = all_names[0].types, all_names[0].networks
    for names in all_names[1:]:
        types, networks = types & names.types, networks | names.networks
    return _Names(types, networks)
