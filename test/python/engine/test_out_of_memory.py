"""What an attempt does when memory runs out under it."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from separating import Run, instruments_of, mixture, starter_with, tiny_model

from python_worker.engine import Engine
from python_worker.protocol import Cancelled, Failure, ModelParams

pytestmark = pytest.mark.filterwarnings("ignore")

Refusal = Callable[[int, int], BaseException | None]


@pytest.fixture
def model(engine: Engine, shape: str, tmp_path: Path) -> ModelParams:
    """A model that needs many chunks for a short song; nothing is warm."""
    engine.unload()
    return model_with(shape, tmp_path / "model")


def model_with(shape: str, folder: Path, **changes: Any) -> ModelParams:
    if shape == "package":
        return starter_with(folder, **{"audio__chunk_size": 31 * 1024, **changes})
    return tiny_model(folder, **changes)


@contextmanager
def refusing(refuse: Refusal) -> Iterator[list[int]]:
    """Every network raises what `refuse` makes of the batch and of the number of its forward call.

    Gives the batch of every call so far.
    """
    calls: list[int] = []

    def before(network: torch.nn.Module, inputs: Any) -> None:
        if type(network).__name__ not in ("TinyNet", "TFC_TDF_net"):
            return
        calls.append(len(inputs[0]))
        error = refuse(calls[-1], len(calls))
        if error is not None:
            raise error

    handle = torch.nn.modules.module.register_module_forward_pre_hook(before)
    try:
        yield calls
    finally:
        handle.remove()


def out_of_memory() -> torch.OutOfMemoryError:
    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def holds_at_most(limit: int, kind: Callable[[], BaseException] = out_of_memory) -> Refusal:
    return lambda batch, call: kind() if batch > limit else None


@pytest.mark.parametrize(
    "kind",
    [
        out_of_memory,
        lambda: RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        MemoryError,
    ],
)
def test_a_batch_that_does_not_fit_is_halved_until_it_does(
    engine: Engine, model: ModelParams, tmp_path: Path, kind: Callable[[], BaseException]
) -> None:
    song = mixture(tmp_path / "song.wav", seconds=2)
    by_one = Run(tmp_path / "2", song, model, num_overlap=4, batch_size=2)
    expected = by_one.on(engine)
    run = Run(tmp_path / "8", song, model, num_overlap=4, batch_size=8)
    with refusing(holds_at_most(2, kind)) as calls:
        result = run.on(engine)
    assert calls[:3] == [8, 4, 2]
    assert max(calls[2:]) == 2
    assert result.warnings == ["batch_size was halved to 2, from 8, because memory ran out"]
    assert result.model_loads == expected.model_loads, "the model stayed warm"
    assert (result.memory_retries, expected.memory_retries) == (2, 0)
    for instrument in instruments_of(model):
        assert numpy.array_equal(run.stem(result, instrument), by_one.stem(expected, instrument))
    assert [path.name for path in Path(run.params.scratch_dir).iterdir()] == []


def test_the_models_own_batch_is_halved_for_this_attempt_alone(
    engine: Engine, shape: str, tmp_path: Path
) -> None:
    changes = {"inference__batch_size": 4, "inference__num_overlap": 4}
    model = model_with(shape, tmp_path / "model", **changes)
    song = mixture(tmp_path / "song.wav", seconds=2)
    with refusing(holds_at_most(3)):
        first = Run(tmp_path / "1", song, model).on(engine)
    with refusing(lambda batch, call: None) as calls:
        second = Run(tmp_path / "2", song, model).on(engine)
    assert first.warnings == ["batch_size was halved to 2, from 4, because memory ran out"]
    assert (second.warnings, max(calls)) == ([], 4)


def test_other_warm_models_go_before_the_batch_is_made_smaller(
    engine: Engine, shape: str, model: ModelParams, tmp_path: Path
) -> None:
    other = dataclasses.replace(model_with(shape, tmp_path / "other"), name="other")
    engine.load(other, lambda level, message: None)
    engine.load(model, lambda level, message: None)
    run = Run(tmp_path / "run", mixture(tmp_path / "song.wav", seconds=2), model, batch_size=2)
    held: list[list[str]] = []

    def refuse(batch: int, call: int) -> BaseException | None:
        held.append(engine._models.names())
        return out_of_memory() if other.name in held[-1] else None

    with refusing(refuse) as calls:
        result = run.on(engine)
    assert held[0] == [other.name, model.name]
    assert held[1] == [model.name]
    assert calls[:2] == [2, 2]
    assert (result.warnings, result.memory_retries) == ([], 1)
    said = [message.message for method, message in run.said if method == "log"]
    assert said == [f"memory ran out: retrying without the models {other.name}"]


def test_without_anything_left_to_give_up_the_failure_says_what_to_do(
    engine: Engine, model: ModelParams, tmp_path: Path
) -> None:
    run = Run(tmp_path / "run", mixture(tmp_path / "song.wav", seconds=2), model, num_overlap=4, batch_size=4)
    with refusing(holds_at_most(0)) as calls, pytest.raises(Failure) as caught:
        run.on(engine)
    assert calls == [4, 2, 1]
    assert caught.value.kind == "OUT_OF_MEMORY"
    assert caught.value.message == (
        "Memory ran out while separating, even with a batch_size of 1; "
        "use a shorter file, a lower bigshifts, or another device."
    )
    assert "OutOfMemoryError" in str(caught.value.traceback)
    assert list(run.output.iterdir()) == []
    after = Run(tmp_path / "after", mixture(tmp_path / "next.wav"), model).on(engine)
    assert after.warnings == []


def test_no_stage_is_told_twice_and_the_last_try_counts_from_its_start(
    engine: Engine, model: ModelParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("python_worker.attempt.MIN_SECONDS_BETWEEN_PROGRESS", 0)
    run = Run(tmp_path / "run", mixture(tmp_path / "song.wav", seconds=2), model, num_overlap=4, batch_size=2)
    with refusing(lambda batch, call: out_of_memory() if call == 3 else None):
        run.on(engine)
    stages = [message.stage for method, message in run.said if method == "progress"]
    assert list(dict.fromkeys(stages)) == ["loading_model", "decoding", "separating", "encoding"]
    assert stages == sorted(stages, key=["loading_model", "decoding", "separating", "encoding"].index)
    done = [done for done, _ in run.progress("separating")]
    again = done.index(0, 1)
    assert done[:again] == [0, 1, 2]
    assert done[again:-1] == list(range(done[-1] + 1))
    assert run.progress("separating")[-1] == (done[-1], done[-1])


def test_a_cancel_between_two_tries_ends_the_attempt(
    engine: Engine, model: ModelParams, tmp_path: Path
) -> None:
    run = Run(tmp_path / "run", mixture(tmp_path / "song.wav"), model, batch_size=2)

    def refuse(batch: int, call: int) -> BaseException:
        run.request.cancelled.set()
        return out_of_memory()

    with refusing(refuse) as calls, pytest.raises(Cancelled):
        run.on(engine)
    assert calls == [2]


def test_a_try_holds_nothing_of_the_one_before(engine: Engine, model: ModelParams, tmp_path: Path) -> None:
    class Tensor:
        """What only the failed try holds."""

    held: list[weakref.ref[Tensor]] = []
    left: list[Tensor | None] = []

    def refuse(batch: int, call: int) -> BaseException | None:
        if call > 1:
            left.append(held[0]())
            return None
        error, tensor = out_of_memory(), Tensor()
        held.append(weakref.ref(tensor))
        error.tensor = tensor  # type: ignore[attr-defined]
        return error

    run = Run(tmp_path / "run", mixture(tmp_path / "song.wav", seconds=2), model, num_overlap=4, batch_size=2)
    with refusing(refuse):
        run.on(engine)
    assert left[0] is None
