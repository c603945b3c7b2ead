"""Models that the operator wants compiled."""

from __future__ import annotations

import dataclasses
import gc
import shutil
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from separating import STARTER, Run, agreement, engine_of, instruments_of, mixture, tiny_model

from python_worker.engine import Engine
from python_worker.engine.model import precision

pytestmark = pytest.mark.filterwarnings("ignore")

needs_compiler = pytest.mark.skipif(
    not any(shutil.which(name) for name in ("g++", "clang++", "c++")), reason="there is no C++ compiler"
)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with engine_of("bigshifts") as ready:
        yield ready


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compiled is compiled here, and not found from an earlier run."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "compiled"))


class Network(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[0] == 13:
            raise ValueError("thirteen")
        return 2 * x


class Compiler:
    """Stands in for torch.compile: keeps what was computed through it, fails when it shall."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.sizes: list[int] = []

    def compile(self, forward: Callable[..., Any], **_: Any) -> Callable[..., Any]:
        def compiled(x: torch.Tensor) -> Any:
            self.sizes.append(len(x))
            if self.failure is not None:
                raise self.failure
            return forward(x)

        return compiled


def compiled_network(
    monkeypatch: pytest.MonkeyPatch, compiler: Compiler, heard: list[str] | None = None
) -> torch.nn.Module:
    monkeypatch.setattr(torch, "compile", compiler.compile)
    network, messages = Network(), [] if heard is None else heard
    model = dataclasses.replace(STARTER, compile=True)
    precision.make_fast(network, model, lambda level, message: messages.append(f"{level}: {message}"))
    return network


@needs_compiler
@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(("lowered", "least"), [("fp32", 100), ("bf16", 25)])
def test_a_compiled_model_gives_nearly_the_same_stems_says_so_and_goes_when_it_is_unloaded(
    engine: Engine, tmp_path: Path, lowered: Any, least: float
) -> None:
    song, model = mixture(tmp_path / "song.wav", seconds=1.0), tiny_model(tmp_path / "model")
    whole = Run(tmp_path / "fp32", song, model)
    expected = whole.on(engine)
    engine.unload()
    compiled = dataclasses.replace(model, compile=True, precision=lowered)
    run = Run(tmp_path / "compiled", song, compiled)
    result = run.on(engine)
    ways = "compiled" if lowered == "fp32" else "in bf16 and compiled"
    assert result.warnings == [
        f"the model was computed {ways}, as this server is configured: "
        "the stems differ slightly from those of MSST"
    ]
    for instrument in instruments_of(model):
        assert agreement(whole.stem(expected, instrument), run.stem(result, instrument)) > least
    networks = [weakref.ref(thing) for thing in gc.get_objects() if type(thing).__name__ == "TinyNet"]
    engine.unload()
    assert [network() for network in networks if network() is not None] == []


@pytest.mark.usefixtures("cache")
def test_a_model_that_cannot_be_compiled_is_computed_without_that_and_says_so(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = Compiler(RuntimeError("no C++ compiler was found"))
    monkeypatch.setattr(torch, "compile", compiler.compile)
    song, model = mixture(tmp_path / "song.wav"), tiny_model(tmp_path / "model", inference__batch_size=1)
    whole = Run(tmp_path / "fp32", song, model)
    expected = whole.on(engine)
    for at in ("cold", "warm"):
        run = Run(tmp_path / at, song, dataclasses.replace(model, compile=True))
        result = run.on(engine)
        assert result.warnings == [
            "the model was computed as MSST does it; it could not be compiled on this machine"
        ]
        told = [message.message for method, message in run.said if method == "log"]
        reason = (
            "the model tiny could not be compiled and is computed uncompiled until it is loaded again:"
            " RuntimeError: no C++ compiler was found"
        )
        assert told.count(reason) == (1 if at == "cold" else 0)
        for instrument in instruments_of(model):
            assert (run.stem(result, instrument) == whole.stem(expected, instrument)).all()
    assert compiler.sizes == [1]


def test_a_smaller_last_batch_is_not_compiled_for(monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = Compiler()
    network = compiled_network(monkeypatch, compiler)
    for size in (1, 4, 4, 3, 1, 2, 4):
        network(torch.ones(size, 8))
    assert compiler.sizes == [1, 4, 4, 1, 4]
    network(torch.ones(2, 16))
    assert compiler.sizes[-1] == 2


def test_a_batch_for_which_memory_ran_out_makes_no_remainder_of_a_smaller_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiler, heard = Compiler(), list[str]()
    network = compiled_network(monkeypatch, compiler, heard)
    network(torch.ones(4, 8))
    compiler.failure = RuntimeError("CUDA out of memory")
    with pytest.raises(RuntimeError, match="out of memory"):
        network(torch.ones(4, 8))
    compiler.failure = None
    network(torch.ones(2, 8))
    assert compiler.sizes == [4, 4, 2]
    assert heard == []


def test_an_error_of_the_network_is_its_own_and_no_reason_to_give_up_compiling(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiler, heard = Compiler(), list[str]()
    network = compiled_network(monkeypatch, compiler, heard)
    with pytest.raises(ValueError, match="thirteen"):
        network(torch.ones(13, 8))
    network(torch.ones(4, 8))
    assert compiler.sizes == [13, 4]
    assert heard == []


def test_a_broken_gpu_is_not_asked_to_compute_it_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = Compiler(RuntimeError("CUDA error: an illegal memory access was encountered"))
    network = compiled_network(monkeypatch, compiler)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        network(torch.ones(4, 8))
