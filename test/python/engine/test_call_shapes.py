"""The shapes that `proc_folder` has had beside those of test_engine.py, each on a stand-in of a checkout."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from separating import Run, engine_of, instruments_of, mixture, plain_stems, tiny_model

from python_worker.engine import Engine
from python_worker.engine.msst.msst_options import MsstOptions, OptionsRefused
from python_worker.engine.msst.silent_bar import bar_class
from python_worker.engine.rehearsal import rehearse
from python_worker.protocol import Failure


@pytest.fixture(scope="module", params=["2024", "colab"])
def shape(request: pytest.FixtureRequest) -> str:
    """Which checkout."""
    return str(request.param)


@pytest.fixture(scope="module")
def engine(shape: str, one_thread: None) -> Iterator[Engine]:
    """The engine on it."""
    with engine_of(shape) as ready:
        yield ready


@pytest.mark.parametrize("use_tta", [False, True])
@pytest.mark.parametrize(
    "changes", [{}, {"training__target_instrument": "other"}, {"inference__normalize": True}]
)
def test_the_stems_are_those_of_a_run_by_hand(
    engine: Engine, shape: str, tmp_path: Path, changes: dict[str, Any], use_tta: bool
) -> None:
    model = tiny_model(tmp_path / "model", **changes)
    song = mixture(tmp_path / "song.wav")
    expected = plain_stems(shape, tmp_path / "plain", song, model, use_tta=use_tta)
    for times in ("cold", "warm"):
        run = Run(tmp_path / times, song, model, use_tta=use_tta)
        result = run.on(engine)
        assert sorted(stem.instrument for stem in result.stems) == sorted(instruments_of(model))
        assert result.warnings == []
        for instrument in instruments_of(model):
            assert numpy.array_equal(run.stem(result, instrument), expected[instrument])
        done, total = zip(*run.progress("separating"), strict=True)
        assert done[-1] == total[-1] == total[0], "the total was right from the start"


def test_a_warm_model_is_not_loaded_again(engine: Engine, tmp_path: Path) -> None:
    model, song = tiny_model(tmp_path / "model"), mixture(tmp_path / "song.wav")
    loads = Run(tmp_path / "1", song, model).on(engine).model_loads
    assert Run(tmp_path / "2", song, model).on(engine).model_loads == loads


def test_they_separate_a_second_of_noise_with_a_network_of_ours(engine: Engine) -> None:
    rehearse(engine)


def test_bigshifts_are_told_to_have_no_effect_where_there_are_none(
    engine: Engine, shape: str, tmp_path: Path
) -> None:
    model, song = tiny_model(tmp_path / "model"), mixture(tmp_path / "song.wav")
    result = Run(tmp_path / "run", song, model, bigshifts=2).on(engine)
    assert result.warnings == (
        ["bigshifts has no effect: this MSST has no such option"] if shape == "2024" else []
    )


class TestOptionsOfItsOwn:
    """`msst_arguments` of a model's entry: words that the MSST's own parser reads."""

    def test_reach_it_in_its_own_types(self, engine: Engine, shape: str) -> None:
        options = engine._msst.options
        assert options.parsed([]) == {}
        assert options.parsed(["--pcm_type=PCM_16", "--use_tta", "--device_ids", "1", "2"]) == {
            "pcm_type": "PCM_16",
            "use_tta": True,
            "device_ids": [1, 2],
        }
        given = options.given(options.parsed(["--device_ids", "3", "--use_tta"]))
        expected = {"device_ids": [3], "use_tta": True}
        assert given == (["--device_ids", "3", "--use_tta"] if shape == "2024" else expected)

    @pytest.mark.parametrize(
        ("words", "why"),
        [
            (["--nonesuch=1"], "this MSST has no option nonesuch"),
            (["--use_t"], "this MSST has no option use_t"),
            (["--device_ids", "one"], "argument --device_ids: invalid int value: 'one'"),
            (["--use_tta=1"], "argument --use_tta: ignored explicit argument '1'"),
            (["--use_tta"], "the server itself sets use_tta"),
        ],
    )
    def test_that_it_does_not_take_fail_the_model_with_its_words(
        self, engine: Engine, tmp_path: Path, words: list[str], why: str
    ) -> None:
        model = dataclasses.replace(tiny_model(tmp_path / "model"), msst_arguments=words)
        with pytest.raises(Failure) as caught:
            Run(tmp_path / "run", mixture(tmp_path / "song.wav"), model).on(engine)
        assert caught.value.kind == "MODEL_UNAVAILABLE"
        assert caught.value.message == f"msst_arguments of tiny cannot be used: {why}."


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


class TestABar:
    """What stands where MSST has tqdm."""

    def test_counts_as_tqdm_does_and_tells_its_first_step(self) -> None:
        told: list[tuple[int, int]] = []
        bar = bar_class(lambda *step: told.append(step))(None, "words", 100, True, dynamic_ncols=True)
        assert (bar.desc, bar.n, bar.total) == ("words", 0, 100)
        bar.reset(total=50)
        bar.update(20)
        bar.update(20)
        assert (bar.n, told) == (40, [(50, 20)])
        bar.set_description("others")
        bar.set_postfix({"track": 1})
        assert (bar.desc, bar.postfix) == ("others: ", "track=1")
        bar.close()

    def test_goes_over_what_it_is_given_and_draws_nothing(self, capfd: pytest.CaptureFixture[str]) -> None:
        tqdm = bar_class(lambda *step: None)
        with tqdm(range(3), disable=None, display=False, leave=True) as bar:
            assert list(bar) == [0, 1, 2]
        assert capfd.readouterr() == ("", "")
        tqdm.write("said aloud")
        assert capfd.readouterr().out == "said aloud\n"
