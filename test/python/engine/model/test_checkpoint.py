"""Checkpoints come from strangers: their weights are loaded, their code never runs."""

from __future__ import annotations

import argparse
import collections
import dataclasses
import hashlib
import json
import os
import pathlib
import pickle
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from separating import STARTER

from python_worker.engine.model.checkpoint import CheckpointLoader
from python_worker.engine.model.state_dicts import where_msst_looks
from python_worker.protocol import Failure

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")

WEIGHTS = collections.OrderedDict(
    a=torch.arange(12.0).reshape(3, 4).t(), b=torch.ones(2, dtype=torch.float16), c=torch.tensor(7)
)


@pytest.fixture(autouse=True)
def as_in_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")


class Attack:
    """Unpickled by the book, it touches the canary."""

    def __init__(self, canary: Path) -> None:
        self._canary = canary

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.system, (f"touch '{self._canary}'",)


def load(path: Path, *, trust_pickle: bool = False, log: list[str] | None = None) -> Any:
    model = dataclasses.replace(STARTER, trust_pickle=trust_pickle)
    said = log if log is not None else []
    return CheckpointLoader(model, lambda level, message: said.append(message)).load(path, map_location="cpu")


def equal_weights(loaded: Any) -> bool:
    return list(loaded) == list(WEIGHTS) and all(
        torch.equal(loaded[name], value) and loaded[name].dtype == value.dtype
        for name, value in WEIGHTS.items()
    )


def saved(path: Path, checkpoint: Any, *, legacy: bool = False) -> Path:
    torch.save(checkpoint, path, _use_new_zipfile_serialization=not legacy)
    return path


@pytest.mark.parametrize("legacy", [False, True])
def test_plain_weights_are_loaded(tmp_path: Path, legacy: bool) -> None:
    assert equal_weights(load(saved(tmp_path / "x.ckpt", WEIGHTS, legacy=legacy)))


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_that_runs_code_runs_none_and_still_gives_its_weights(tmp_path: Path, legacy: bool) -> None:
    canary = tmp_path / "canary"
    path = saved(tmp_path / "x.ckpt", {"state_dict": WEIGHTS, "evil": Attack(canary)}, legacy=legacy)
    log: list[str] = []
    assert equal_weights(load(path, log=log)["state_dict"])
    assert not canary.exists()
    assert "posix.system" in log[0]


@pytest.mark.parametrize("legacy", [False, True])
def test_what_training_leaves_beside_the_weights_does_not_hinder_them(tmp_path: Path, legacy: bool) -> None:
    checkpoint = {
        "model_state_dict": WEIGHTS,
        "args": argparse.Namespace(lr=1e-4),
        "config": OmegaConf.create({"audio": {"chunk_size": 4}}),
        "path": pathlib.PurePosixPath("a/b"),
        "best_metric": numpy.float64(9.5),
        "array": numpy.arange(3),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "history": collections.defaultdict(list, sdr=[1.0]),
        "epoch": 3,
    }
    loaded = load(saved(tmp_path / "x.ckpt", checkpoint, legacy=legacy))
    assert equal_weights(loaded["model_state_dict"])
    assert (loaded["best_metric"], loaded["epoch"]) == (9.5, 3)
    assert torch.equal(loaded["parameter"], checkpoint["parameter"])


def test_weights_inside_an_object_need_trust_and_the_log_says_how(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.ckpt", {"state_dict": collections.UserDict(WEIGHTS)})
    log: list[str] = []
    with pytest.raises(Failure) as caught:
        load(path, log=log)
    assert caught.value.kind == "MODEL_UNAVAILABLE"
    assert "UserDict" in caught.value.message
    trust = f'trust_pickle: "{hashlib.sha256(path.read_bytes()).hexdigest()}"'
    assert trust in caught.value.message
    assert str(tmp_path) not in caught.value.message
    assert trust in log[0]
    assert equal_weights(load(path, trust_pickle=True)["state_dict"])
    assert os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] == "1"


class FrameworkDict(dict[str, Any]):
    """As frameworks have them, to write `config.lr`."""

    def __setstate__(self, state: Any) -> None:
        raise AssertionError("run by a checkpoint")


def as_items(kind: Any) -> Any:
    container = kind()
    for name, value in WEIGHTS.items():
        container[name] = value
    return container


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    "container",
    [
        as_items(lambda: collections.defaultdict(list)),
        as_items(lambda: collections.defaultdict(torch.zeros)),
        as_items(FrameworkDict),
        as_items(collections.OrderedDict),
    ],
    ids=["defaultdict", "defaultdict of a function", "class like dict", "OrderedDict"],
)
def test_weights_in_anything_like_a_dict_need_no_trust(tmp_path: Path, container: Any, legacy: bool) -> None:
    assert equal_weights(load(saved(tmp_path / "bare.ckpt", container, legacy=legacy)))
    wrapped = saved(tmp_path / "wrapped.ckpt", {"epoch": 1, "state_dict": container}, legacy=legacy)
    assert equal_weights(load(wrapped)["state_dict"])


class Whole(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = torch.nn.Linear(2, 3)
        self.b = torch.nn.Sequential(torch.nn.Conv1d(1, 2, 3))


NUMPY = {name: value.numpy() for name, value in Whole().state_dict().items()}


@pytest.mark.parametrize(
    ("checkpoint", "words"),
    [
        (
            Whole(),
            f"it holds a whole pickled network ({Whole.__module__}.Whole), "
            "but MSST needs a state dict; load it",
        ),
        ({"epoch": 1, "model": Whole()}, "torch.save(model.state_dict(), ...)"),
        ({"state_dict": Whole()}, f"it holds a whole pickled network ({Whole.__module__}.Whole)"),
        (NUMPY, "its weights are numpy arrays; save them again as tensors, by torch.from_numpy of each"),
        ({"state_dict": NUMPY, "x": torch.ones(1)}, "its weights are numpy arrays"),
        (
            argparse.Namespace(state_dict=WEIGHTS),
            "inside an object of argparse.Namespace, where MSST does not look",
        ),
        (
            {"epoch": 1, "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}}},
            "it holds no weights where MSST looks for them: its entries are epoch, optimizer",
        ),
        (
            {"args": argparse.Namespace(lr=1)},
            "it holds no weights where MSST looks for them: its entries are args",
        ),
        ({str(number): number for number in range(20)}, "0, 1, 2, 3, 4, 5, 6, 7, …"),
        ([torch.ones(2)], "it is a list"),
        (argparse.Namespace(lr=1), "it is an object of argparse.Namespace"),
        ({}, "it is empty"),
    ],
)
@pytest.mark.parametrize("trust_pickle", [False, True])
def test_trust_is_not_advised_where_it_would_not_help(
    tmp_path: Path, checkpoint: Any, words: str, trust_pickle: bool
) -> None:
    log: list[str] = []
    with pytest.raises(Failure) as caught:
        load(saved(tmp_path / "x.ckpt", checkpoint), trust_pickle=trust_pickle, log=log)
    assert caught.value.kind == "MODEL_UNAVAILABLE"
    assert words in caught.value.message
    assert "trust_pickle" not in " ".join([caught.value.message, *log])


def prefixed(prefix: str, state: Any) -> Any:
    return {f"{prefix}{name}": value for name, value in state.items()}


STATE = Whole().state_dict()


@pytest.mark.parametrize(
    ("checkpoint", "place"),
    [
        (STATE, None),
        ({"state": STATE}, None),
        ({"state_dict": STATE, "epoch": 1}, None),
        ({"model_state_dict": STATE, "optimizer_state_dict": {"state": {0: torch.ones(1)}}}, None),
        ({"state": {"state_dict": STATE}}, None),
        ({"klass": Whole, "args": [], "kwargs": {}, "state": STATE}, None),
        ({"model": STATE, "epoch": 1}, 'under "model"'),
        ({"ema": STATE, "step": torch.tensor(3)}, 'under "ema"'),
        ({"ema": {"module": STATE}}, 'under "module" in "ema"'),
        (prefixed("module.", STATE), 'with "module." before its names'),
        (prefixed("_orig_mod.", STATE), 'with "_orig_mod." before its names'),
        (
            {"model_state_dict": prefixed("module._orig_mod.", STATE)},
            'under "model_state_dict", with "module._orig',
        ),
        (
            {
                "state_dict": {**prefixed("model.", STATE), "loss.window": torch.ones(4)},
                "hyper_parameters": argparse.Namespace(lr=1e-4),
                "pytorch-lightning_version": "2.5.0",
                "callbacks": {"checkpoint": {"best_model_score": numpy.float32(9.5)}},
            },
            'under "state_dict", with "model." before its names',
        ),
    ],
    ids=lambda value: None,
)
def test_weights_that_fit_the_network_are_found_however_they_were_wrapped(
    tmp_path: Path, checkpoint: Any, place: str | None
) -> None:
    log: list[str] = []
    loader = CheckpointLoader(STARTER, lambda level, message: log.append(message))
    network = Whole()
    loader.expect(network)
    loaded = loader.load(saved(tmp_path / "x.ckpt", checkpoint), map_location="cpu")
    network.load_state_dict(where_msst_looks(loaded))
    assert all(torch.equal(value, STATE[name]) for name, value in network.state_dict().items())
    found = [line for line in log if line.startswith("using the weights that the checkpoint has ")]
    assert len(found) == (place is not None)
    assert place is None or place in found[0]


def test_of_several_state_dicts_that_fit_none_is_chosen(tmp_path: Path) -> None:
    loader = CheckpointLoader(STARTER, lambda level, message: None)
    loader.expect(Whole())
    ema = Whole().state_dict()
    path = saved(tmp_path / "x.ckpt", {"model": STATE, "ema": ema})
    with pytest.raises(
        Failure, match=r'more than one state dict that fits \(under "model" and under "ema"\)'
    ):
        loader.load(path)
    # MSST's own choice stands.
    loaded = loader.load(saved(path, {"model": STATE, "ema": ema, "state_dict": ema}))
    assert list(loaded) == ["model", "ema", "state_dict"]


def test_what_a_checkpoint_names_a_thousand_times_is_looked_through_once(tmp_path: Path) -> None:
    loader = CheckpointLoader(STARTER, lambda level, message: None)
    loader.expect(Whole())
    checkpoint: dict[str, Any] = {}
    for _ in range(4):
        checkpoint = {str(number): checkpoint for number in range(1000)}
    checkpoint["itself"] = checkpoint
    with pytest.raises(Failure, match="it holds no weights where MSST looks"):
        loader.load(saved(tmp_path / "x.ckpt", checkpoint))


def test_weights_of_another_network_are_left_to_msst(tmp_path: Path) -> None:
    loader = CheckpointLoader(STARTER, lambda level, message: None)
    loader.expect(Whole())
    assert equal_weights(loader.load(saved(tmp_path / "x.ckpt", WEIGHTS), map_location="cpu"))


def test_a_program_is_refused_before_anything_of_it_is_run(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.ckpt", {"weights": WEIGHTS, "evil": Attack(tmp_path / "canary")})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x/constants.pkl", b"")
    with pytest.raises((Failure, RuntimeError)):
        load(path)
    assert not (tmp_path / "canary").exists()


def write_safetensors(path: Path, tensors: dict[str, torch.Tensor], names: dict[torch.dtype, str]) -> Path:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    body = b""
    for name, tensor in tensors.items():
        raw = tensor.contiguous().view(-1).numpy().tobytes()
        header[name] = {
            "dtype": names[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [len(body), len(body) + len(raw)],
        }
        body += raw
    encoded = json.dumps(header).encode()
    path.write_bytes(len(encoded).to_bytes(8, "little") + encoded + body)
    return path


NAMES = {torch.float32: "F32", torch.float16: "F16", torch.int64: "I64"}


def test_safetensors_are_loaded_whatever_the_file_is_called(tmp_path: Path) -> None:
    tensors = {**WEIGHTS, "empty": torch.empty(0, 3)}
    loaded = load(write_safetensors(tmp_path / "x.ckpt", tensors, NAMES))
    assert loaded["empty"].shape == (0, 3)
    del loaded["empty"]
    assert equal_weights(loaded)


def test_cut_safetensors_are_refused(tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "x.safetensors", dict(WEIGHTS), NAMES)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="not whole"):
        load(path)


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_mutation_of_a_hostile_pickle_runs_anything(
    data: st.DataObject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[Any] = []
    for module, name in ((os, "system"), (os, "popen"), (subprocess, "Popen")):
        monkeypatch.setattr(module, name, lambda *arguments, **_: ran.append(arguments))
    commands = (
        b"cos\nsystem\n(S'x'\ntR.",
        b"csubprocess\nPopen\n(S'x'\ntR.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
    )
    original = pickle.dumps({"a": argparse.Namespace(x=1), "b": [1, 2.5, {"c"}]}, protocol=2)
    content = bytearray(data.draw(st.sampled_from([original, *commands, original[:-1] + commands[0]])))
    for _ in range(data.draw(st.integers(0, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = saved(tmp_path / "x.ckpt", WEIGHTS)
    mutated = tmp_path / "mutated.ckpt"
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(mutated, "w") as archive:
        for entry in whole.infolist():
            inner = bytes(content) if entry.filename.endswith("data.pkl") else whole.read(entry)
            archive.writestr(entry.filename, inner)
    try:
        load(mutated)
    except Exception:  # any refusal will do; what counts is below
        pass
    assert ran == []
