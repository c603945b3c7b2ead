"""Models that the operator wants computed faster than MSST does it: in fewer bits, compiled."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from separating import STARTER, Run, agreement, instruments_of, mixture

from python_worker.engine import Engine
from python_worker.engine.model import precision
from python_worker.protocol import Failure, ModelParams

pytestmark = pytest.mark.filterwarnings("ignore")

STEMS_DIFFER = "as this server is configured: the stems differ slightly from those of MSST"


def unheard(level: str, message: str) -> None:
    """Stands for the log."""


class Network(torch.nn.Module):
    """Tells what it was computed in and with how many chunks at once."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(8, 8)
        self.seen: list[tuple[torch.dtype, int]] = []

    def forward(self, x: torch.Tensor, active_stem_ids: Any = None) -> torch.Tensor:
        output = self.layer(x)
        self.seen.append((output.dtype, len(x)))
        return output


def fast(network: torch.nn.Module, **changes: Any) -> torch.nn.Module:
    precision.make_fast(network, dataclasses.replace(STARTER, **changes), unheard)
    return network


def test_bf16_gives_nearly_the_same_stems_and_says_so(
    engine: Engine, shape: str, model: ModelParams, tmp_path: Path
) -> None:
    song = mixture(tmp_path / "song.wav")
    whole = Run(tmp_path / "fp32", song, model)
    expected = whole.on(engine)
    assert expected.warnings == []
    lowered = dataclasses.replace(model, name="lowered", precision="bf16")
    for at in ("cold", "warm"):
        run = Run(tmp_path / at, song, lowered)
        result = run.on(engine)
        assert result.warnings == [f"the model was computed in bf16, {STEMS_DIFFER}"]
        for instrument in instruments_of(model):
            stems = whole.stem(expected, instrument), run.stem(result, instrument)
            assert 25 < agreement(*stems) < 100
    again = Run(tmp_path / "again", song, model)
    result = again.on(engine)
    assert result.warnings == []
    for instrument in instruments_of(model):
        assert numpy.array_equal(again.stem(result, instrument), whole.stem(expected, instrument))


def test_the_log_says_how_a_model_is_computed(engine: Engine, model: ModelParams) -> None:
    engine.unload()
    heard: list[str] = []
    lowered = dataclasses.replace(model, precision="bf16", compile=True)
    engine.load(lowered, lambda level, message: heard.append(message))
    assert heard == [f"the model {model.name} is loaded, computed in bf16, compiled at its first chunk"]


def test_a_precision_that_the_device_does_not_have_makes_the_model_unavailable(
    engine: Engine, model: ModelParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_cpu_has_fp16", lambda: False)
    engine.unload()
    model = dataclasses.replace(model, precision="fp16")
    run = Run(tmp_path / "run", mixture(tmp_path / "song.wav"), model)
    with pytest.raises(Failure) as task:
        run.on(engine)
    with pytest.raises(Failure) as preload:
        engine.load(model, unheard)
    for failure in (task.value, preload.value):
        assert (failure.kind, failure.message) == (
            "MODEL_UNAVAILABLE",
            f"The model {model.name} cannot be loaded: this server's processor does not compute in fp16;"
            " its entry under models: in the configuration has to name another precision.",
        )
    assert engine.unload().unloaded == []


def test_a_device_whose_autocast_only_warns_is_no_device_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda device: False)
    with pytest.raises(Failure, match="does not compute in bf16"):
        fast(Network(), precision="bf16")


def test_fp32_without_compile_leaves_the_network_as_it_is() -> None:
    network = fast(Network())
    assert type(network) is Network
    assert precision.warnings_of(network) == []


def test_the_network_stays_what_msst_looks_at() -> None:
    network = Network()
    same = fast(network, precision="bf16")
    assert same is network
    assert isinstance(network, Network)
    assert type(network).__name__ == "Network"
    assert list(inspect.signature(network.forward).parameters) == ["x", "active_stem_ids"]
    assert list(network.state_dict()) == ["layer.weight", "layer.bias"]
    assert not hasattr(network, "module")


def test_inside_it_is_the_precision_asked_for_and_outside_float32() -> None:
    network = fast(Network(), precision="bf16")
    with torch.inference_mode():
        output = network(torch.ones(1, 8))
    assert network.seen == [(torch.bfloat16, 1)]
    assert output.dtype == torch.float32
    assert not torch.is_autocast_enabled("cpu")


def test_an_error_of_the_network_leaves_no_autocast_behind() -> None:
    network = fast(Network(), precision="bf16")
    with pytest.raises(RuntimeError):
        network(torch.ones(1, 9))
    assert not torch.is_autocast_enabled("cpu")
    assert torch.view_as_complex(torch.zeros(1, 2, dtype=torch.float16)).dtype == torch.complex32


def test_a_forward_set_on_the_network_goes_before_and_is_gone_when_it_is_deleted() -> None:
    network = fast(Network(), precision="bf16")
    inner, calls = network.forward, []

    def wrapper(*inputs: Any) -> Any:
        calls.append(len(inputs))
        return inner(*inputs)

    x = torch.ones(1, 8)
    expected = network(x)
    network.forward = wrapper
    assert torch.equal(network(x), expected)
    del network.forward
    assert torch.equal(network(x), expected)
    assert calls == [1]
    assert [dtype for dtype, _ in network.seen] == 3 * [torch.bfloat16]


def test_a_forward_that_the_network_already_had_of_its_own_is_lowered_too() -> None:
    network = Network()
    network.forward = lambda x: network.layer(x)
    fast(network, precision="bf16")
    lowered = network(torch.ones(1, 8))
    assert torch.equal(lowered, lowered.bfloat16().float())


def test_complex_numbers_are_made_of_float32() -> None:
    class Complex(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with torch.autocast("cpu", enabled=False):
                return torch.view_as_real(torch.view_as_complex(x.bfloat16()))

    assert fast(Complex(), precision="bf16")(torch.ones(1, 2)).tolist() == [[1, 1]]
