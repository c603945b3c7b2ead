"""Finds the options of an MSST, and the form in which its `proc_folder` takes them."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from .described_options import describe
from .kept_end import KeptEnd
from .names import Namespace

PARSERS = ("parse_args_inference", "parse_args")
"""The function by which `proc_folder` parses its options. MSST before January 2025 has none."""


class OptionsUnknown(Exception):
    """This `proc_folder` does not parse its options in any known way."""


class OptionsRefused(Exception):
    """MSST's parser does not accept the given arguments. The message says why."""


class MsstOptions:
    """The options of one MSST.

    Args:
        parser: the argparse parser that reads them; None if MSST does not use argparse.
        defaults: the default values by option name.
        as_list: whether `proc_folder` takes a list of command-line arguments; otherwise a dictionary.
    """

    def __init__(
        self, parser: argparse.ArgumentParser | None, defaults: dict[str, Any], *, as_list: bool
    ) -> None:
        self._parser = parser
        self._actions = {} if parser is None else {action.dest: action for action in parser._actions}
        self._flags = {} if parser is None else _flags(parser)
        self._as_list = as_list
        self.names = frozenset(defaults)

    def given(self, wanted: dict[str, Any]) -> dict[str, Any] | list[str]:
        """Convert the values to an argument for `proc_folder`, leaving out options that this MSST lacks."""
        known = {name: value for name, value in wanted.items() if name in self.names}
        if not self._as_list:
            return known
        return [word for name, value in known.items() for word in self._words(self._actions[name], value)]

    def parsed(self, words: list[str]) -> dict[str, Any]:
        """Parse command-line arguments with MSST's parser. Returns the values by option.

        Raises:
            OptionsRefused: an option is unknown, or its value is invalid.
        """
        if not words:
            return {}
        flags = [word.partition("=")[0].removeprefix("--") for word in words if word.startswith("--")]
        unknown = [flag for flag in flags if flag not in self._flags]
        if self._parser is None or unknown:
            raise OptionsRefused(f"this MSST has no option {', '.join(unknown or flags)}")
        words = [self._as_the_parser_has_it(word) for word in words]
        nothing = object()
        said = KeptEnd()
        required = [action for action in self._parser._actions if action.required]
        for action in required:
            action.required = False
        try:
            with contextlib.redirect_stderr(said):
                values = self._parser.parse_args(
                    words, argparse.Namespace(**dict.fromkeys(self._actions, nothing))
                )
        except SystemExit as error:
            reason = said.end().strip().rpartition("error: ")[2]
            raise OptionsRefused(reason or "its parser does not take them") from error
        finally:
            for action in required:
                action.required = True
        # Leave out positional arguments, which get their defaults although they are not given.
        own = {action.dest for action in self._flags.values()}
        return {name: value for name, value in vars(values).items() if name in own and value is not nothing}

    def described(self) -> list[dict[str, Any]] | None:
        """Describe the options for `msst_arguments`; None if there is no parser, or too many options."""
        return None if self._parser is None else describe(self._flags)

    def _as_the_parser_has_it(self, word: str) -> str:
        flag, equals, value = word.partition("=")
        action = self._flags.get(flag.removeprefix("--")) if flag.startswith("--") else None
        if action is None or flag in action.option_strings:
            return word
        named = flag.replace("_", "-")
        flag = next(string for string in action.option_strings if string.replace("_", "-") == named)
        return f"{flag}{equals}{value}"

    @staticmethod
    def _words(action: argparse.Action, value: Any) -> list[str]:
        flag = _longest(action.option_strings)
        if isinstance(action, argparse.BooleanOptionalAction):
            says_no = [string for string in action.option_strings if string.startswith("--no-")]
            strings = set(action.option_strings) - set(says_no) if value else says_no
            return [_longest(strings)] if strings else []
        if action.nargs == 0:
            return [flag] if value == action.const else []
        values = value if isinstance(value, list) else [value]
        if action.choices is not None and any(each not in action.choices for each in values):
            return []
        if isinstance(value, list):
            return [flag, *map(str, value)]
        return [] if value == action.default else [f"{flag}={value}"]


def _flags(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """The long options by name without leading dashes; names with inner dashes also with underscores."""
    ends = (argparse._HelpAction, argparse._VersionAction)
    actions = [action for action in parser._actions if not isinstance(action, ends)]
    flags = {
        string.removeprefix("--"): action
        for action in actions
        for string in action.option_strings
        if string.startswith("--")
    }
    return {**{name.replace("-", "_"): action for name, action in flags.items()}, **flags}


def _longest(strings: Iterable[str]) -> str:
    return max(strings, key=len)


def find_options(namespace: Namespace, proc_folder: Callable[..., object]) -> MsstOptions:
    """Find the options of an MSST by having it parse an empty command line.

    Args:
        namespace: the globals of the module that defines `proc_folder`.
        proc_folder: the function itself.

    Raises:
        OptionsUnknown: it uses no parser.
    """
    parse = next((namespace[name] for name in PARSERS if callable(namespace.get(name))), None)
    if parse is not None and _takes_dictionary(parse):
        with _parsers_seen() as seen:
            defaults = vars(parse({}))
        return MsstOptions(seen[0] if seen else None, defaults, as_list=False)
    with _parsers_seen(stop=True) as seen, contextlib.suppress(_Seen):
        proc_folder([])
    if not seen:
        raise OptionsUnknown
    return MsstOptions(seen[0], vars(seen[0].parse_args([])), as_list=True)


def _takes_dictionary(parse: Callable[..., Any]) -> bool:
    probe = {"model_type": "of a dictionary"}
    try:
        with contextlib.redirect_stderr(KeptEnd()):
            return getattr(parse(probe), "model_type", None) == probe["model_type"]
    except (SystemExit, TypeError, AttributeError):
        return False


class _Seen(BaseException):
    """Raised to leave proc_folder. Not an Exception, so that MSST does not catch it."""


@contextmanager
def _parsers_seen(*, stop: bool = False) -> Iterator[list[argparse.ArgumentParser]]:
    """Collect every argparse parser that is used within the block.

    Args:
        stop: whether to raise _Seen when the first one is used.
    """
    seen: list[argparse.ArgumentParser] = []
    original = argparse.ArgumentParser.parse_known_args

    def parse_known_args(self: argparse.ArgumentParser, *arguments: Any, **options: Any) -> Any:
        seen.append(self)
        if stop:
            raise _Seen
        return original(self, *arguments, **options)

    argparse.ArgumentParser.parse_known_args = parse_known_args  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        argparse.ArgumentParser.parse_known_args = original  # type: ignore[method-assign]
