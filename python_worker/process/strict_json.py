"""Converts JSON to dataclasses and back; errors name the field that is invalid."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

Json = dict[str, Any] | list[Any] | str | int | float | bool | None


@dataclass(frozen=True)
class _AtLeast:
    minimum: int


Positive = Annotated[int, _AtLeast(1)]
NonNegative = Annotated[int, _AtLeast(0)]


T = TypeVar("T")


def parse(cls: type[T], value: object) -> T:
    """Parse a message into its dataclass strictly: no coercion, no missing and no unknown fields.

    Raises:
        ValueError: names the field and what it must be.
    """
    return typing.cast(T, _parse(cls, value, "params"))


def to_json(message: Any) -> Json:
    """Convert a message's dataclass to JSON."""
    return dataclasses.asdict(message)


def _parse(expected: Any, value: object, where: str) -> Any:
    if dataclasses.is_dataclass(expected):
        return _parse_object(expected, value, where)
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if origin is Annotated:
        number = _parse(arguments[0], value, where)
        if number < arguments[1].minimum:
            raise ValueError(f"{where} must be at least {arguments[1].minimum}")
        return number
    if origin is Literal:
        if isinstance(value, str) and value in arguments:
            return value
        raise ValueError(f"{where} must be one of {', '.join(arguments)}")
    if origin in (typing.Union, types.UnionType):
        kinds = [kind for kind in arguments if kind is not type(None)]
        return None if value is None else _parse(kinds[0], value, where)
    if origin is list:
        if not isinstance(value, list):
            raise ValueError(f"{where} must be a list")
        return [_parse(arguments[0], item, f"{where}[{index}]") for index, item in enumerate(value)]
    return _parse_scalar(expected, value, where)


def _parse_object(cls: Any, value: object, where: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{where} must be an object")
    hints = typing.get_type_hints(cls, include_extras=True)
    names = [field.name for field in dataclasses.fields(cls)]
    if missing := [name for name in names if name not in value]:
        raise ValueError(f"{where} lacks {', '.join(missing)}")
    if unknown := [str(name) for name in value if name not in names]:
        raise ValueError(f"{where} has unknown fields: {', '.join(unknown)}")
    return cls(**{name: _parse(hints[name], value[name], f"{where}.{name}") for name in names})


def _parse_scalar(expected: Any, value: object, where: str) -> Any:
    # In Python a bool is an int; JSON may write the float 12.0 as 12.
    if expected is float and isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number):
            return number
    elif type(value) is expected:
        return value
    raise ValueError(f"{where} must be a {expected.__name__}")
