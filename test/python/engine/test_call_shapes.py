"""The shapes that `proc_folder` has had beside those of test_engine.py, each on a stand-in of a checkout."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from separating import Run, engine_of, instruments_of, mixture, plain_stems, tiny_model

from python_worker.engine import Engine
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
