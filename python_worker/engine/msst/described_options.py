"""Describes the options of an argparse parser as JSON, for the Node side."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from typing import Any

MOST_OPTIONS = 300
MOST_CHOICES = 50
LONGEST_CHOICE = 100
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
"""The option names that the configuration may use."""


def describe(flags: Mapping[str, argparse.Action]) -> list[dict[str, Any]] | None:
    """Describe the names of each option and the values it takes.

    Args:
        flags: the options by name without dashes; an option may have several names.

    Returns:
        For each option its names, the least and most values it takes (most None: any number), their type
        (text, int or float; None: another) and choices (None: not limited to a known list). None in place of
        the list: there are implausibly many options.
    """
    actions = {id(action): action for action in flags.values()}
    if len(actions) > MOST_OPTIONS:
        return None
    return [
        {
            "names": [name for name, its in flags.items() if its is action and _NAME.fullmatch(name)],
            "least": _counts(action)[0],
            "most": _counts(action)[1],
            "type": _type_name(action),
            "choices": _choices(action),
        }
        for action in actions.values()
    ]


def _counts(action: argparse.Action) -> tuple[int, int | None]:
    """The least and most values that an option takes; most None: any number."""
    if isinstance(action.nargs, int):
        return action.nargs, action.nargs
    if action.nargs is None:
        return 1, 1
    return {"?": (0, 1), "+": (1, None)}.get(action.nargs, (0, None))


def _type_name(action: argparse.Action) -> str | None:
    """The type of an option's values; None: a custom function, which only the parser can call."""
    if action.type is None or action.type is str:
        return "text"
    return "int" if action.type is int else "float" if action.type is float else None


def _choices(action: argparse.Action) -> list[str] | None:
    """The allowed texts of an option. None also for other types: only the parser knows how to spell them."""
    if not isinstance(action.choices, list | tuple | set | frozenset | dict) or _type_name(action) != "text":
        return None
    choices = list(action.choices)
    are_texts = all(isinstance(choice, str) and len(choice) <= LONGEST_CHOICE for choice in choices)
    return choices if are_texts and 0 < len(choices) <= MOST_CHOICES else None
