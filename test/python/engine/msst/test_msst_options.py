"""The options of an MSST's own parser."""

from __future__ import annotations

import argparse
import json
from typing import Any

import pytest

from python_worker.engine.msst.msst_options import MsstOptions, OptionsRefused


class TestWhatAParserHas:
    """Options in forms that no stand-in has."""

    @pytest.fixture
    def options(self) -> MsstOptions:
        """Those of one parser, given back as words."""
        parser = argparse.ArgumentParser()
        parser.add_argument("--my-option", "-m", type=float, default=0.5)
        parser.add_argument("--no_norm", dest="norm", action="store_false")
        parser.add_argument("--clean", action=argparse.BooleanOptionalAction, default=False)
        parser.add_argument("--modes", nargs="+", choices=["best", "quick"])
        parser.add_argument("--pair", nargs=2, type=int)
        parser.add_argument("--seed", nargs="?", type=int, const=1)
        parser.add_argument("--rest", nargs="*", type=lambda text: text)
        parser.add_argument("--level", type=int, choices=[1, 2])
        parser.add_argument("-q", action="store_true")
        parser.add_argument("place", nargs="?")
        parser.add_argument("--version", action="version", version="1")
        return MsstOptions(parser, vars(parser.parse_args([])), as_list=True)

    def test_is_told_with_names_and_values(self, options: MsstOptions) -> None:
        told = options.described()
        assert told is not None
        assert [(each["names"], each["least"], each["most"], each["type"]) for each in told] == [
            (["my_option", "my-option"], 1, 1, "float"),
            (["no_norm"], 0, 0, "text"),
            (["clean", "no_clean", "no-clean"], 0, 0, "text"),
            (["modes"], 1, None, "text"),
            (["pair"], 2, 2, "int"),
            (["seed"], 0, 1, "int"),
            (["rest"], 0, None, None),
            (["level"], 1, 1, "int"),
        ]
        assert [each["choices"] for each in told if each["choices"]] == [["best", "quick"]]
        json.dumps(told)

    @pytest.mark.parametrize(
        ("words", "values", "given"),
        [
            (["--my_option=0.25"], {"my_option": 0.25}, ["--my-option=0.25"]),
            (["--my-option", "0.25"], {"my_option": 0.25}, ["--my-option=0.25"]),
            (["--no_norm"], {"norm": False}, ["--no_norm"]),
            (["--clean"], {"clean": True}, ["--clean"]),
            (["--no_clean"], {"clean": False}, ["--no-clean"]),
            (["--modes", "best"], {"modes": ["best"]}, ["--modes", "best"]),
            (["--pair", "1", "2"], {"pair": [1, 2]}, ["--pair", "1", "2"]),
        ],
    )
    def test_is_read_and_given_on(
        self, options: MsstOptions, words: list[str], values: dict[str, Any], given: list[str]
    ) -> None:
        assert options.parsed(words) == values
        assert options.given(values) == given

    @pytest.mark.parametrize("flag", ["--norm", "--help", "--version", "--place", "--q", "--my"])
    def test_is_not_what_nobody_can_set(self, options: MsstOptions, flag: str) -> None:
        with pytest.raises(OptionsRefused, match=f"this MSST has no option {flag[2:]}$"):
            options.parsed([flag])

    def test_is_not_told_where_there_is_too_much_or_nothing(self) -> None:
        parser = argparse.ArgumentParser()
        for number in range(301):
            parser.add_argument(f"--option_{number}")
        assert MsstOptions(parser, {}, as_list=False).described() is None
        assert MsstOptions(None, {}, as_list=False).described() is None

    def test_choices_are_told_where_they_are_a_few_short_texts(self) -> None:
        parser = argparse.ArgumentParser()
        parser.add_argument("--few", choices=("a", "b"))
        parser.add_argument("--many", choices=[str(number) for number in range(51)])
        parser.add_argument("--long", choices=["a" * 101])
        parser.add_argument("--none", choices=[])
        parser.add_argument("--numbers", choices=range(1000))
        parser.add_argument("--of_a_kind", type=lambda text: text.upper(), choices=["A"])
        told = MsstOptions(parser, {}, as_list=False).described()
        assert told is not None
        assert [each["choices"] for each in told] == [["a", "b"], None, None, None, None, None]
