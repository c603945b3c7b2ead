"""A LoRA adapter is merged into the weights once, as adding it by hand does, or the model does not load."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
import yaml
from ml_collections import ConfigDict
from separating import STARTER, Run, agreement, engine_of, mixture, plain_stems

from python_worker.engine import Engine
from python_worker.engine.model.lora import merge_adapters
from python_worker.protocol import Failure, ModelParams

pytestmark = pytest.mark.filterwarnings("ignore")

State = dict[str, torch.Tensor]

RANK, ALPHA = 2, 3
LORA = {"r": RANK, "lora_alpha": ALPHA, "lora_dropout": 0.05, "merge_weights": False}


class Network(torch.nn.Module):
    """A layer of each kind that adapters are made for, and two that they cannot be merged into."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(6, 5)
        self.fused = torch.nn.Linear(4, 12, bias=False)
        self.conv = torch.nn.Conv1d(3, 4, 5)
        self.square = torch.nn.Conv2d(3, 4, 3)
        self.norm = torch.nn.LayerNorm(4)
        self.grouped = torch.nn.Conv1d(4, 4, 3, groups=2)


def network() -> Network:
    torch.manual_seed(0)
    return Network()


def some(*shape: int) -> torch.Tensor:
    torch.manual_seed(sum(shape))
    return torch.randn(*shape)


A, B = some(RANK, 6), some(5, RANK)


def merged(
    folder: Path, state: Any, lora: Any = LORA, *, key: str = "loralib", config: Any = None, log: Any = None
) -> State:
    """The weights with the adapter of a state dict."""
    path = folder / "adapter.pt"
    torch.save(state, path)
    if config is not None:
        (folder / "adapter_config.json").write_text(json.dumps(config))
    return merged_from(path, lora, key, log)


def merged_from(path: Path, lora: Any = LORA, key: str = "peft", log: Any = None) -> State:
    changed, yaml_of_it = network(), ConfigDict({} if lora is None else {"lora": lora})
    model = dataclasses.replace(STARTER, **{f"lora_checkpoint_{key}": str(path)})
    said = [] if log is None else log
    say = lambda level, message: said.append(message)  # noqa: E731
    merge_adapters(changed, yaml_of_it, model, say, peft_is_applied=False)
    return changed.state_dict()


def with_changes(**weights: torch.Tensor) -> State:
    """The base with something added to some of its weights."""
    state = copy.deepcopy(network().state_dict())
    for layer, added in weights.items():
        state[f"{layer}.weight"] += added
    return state


def assert_same(found: State, expected: State) -> None:
    assert found.keys() == expected.keys()
    for name, weight in expected.items():
        assert torch.equal(found[name], weight), name


@pytest.mark.parametrize(
    "state",
    [
        {"linear.lora_A": A, "linear.lora_B": B},
        {
            "epoch": 3,
            "best_metric": numpy.float64(9.5),
            "model_state_dict": {"linear.lora_A": A, "linear.lora_B": B},
        },
        {"state_dict": {"module.linear.lora_A": A, "module.linear.lora_B": B}},
        {"base_model.model.linear.lora_A.weight": A, "base_model.model.linear.lora_B.weight": B},
        {"linear.lora_A.default.weight": A, "linear.lora_B.default.weight": B},
        {"_orig_mod.module.linear.lora_A.weight": A, "_orig_mod.module.linear.lora_B.weight": B},
    ],
    ids=["bare", "training", "DataParallel", "peft file", "peft names", "compiled"],
)
@pytest.mark.parametrize("key", ["loralib", "peft"])
def test_every_way_to_write_an_adapter_down_is_merged_as_by_hand(
    tmp_path: Path, state: Any, key: str
) -> None:
    log: list[str] = []
    expected = with_changes(linear=(B @ A) * (ALPHA / RANK))
    assert_same(merged(tmp_path, state, key=key, log=log), expected)
    assert log[-1] == "a LoRA adapter is merged into starter, layers changed: 1"
    assert not torch.equal(expected["linear.weight"], network().state_dict()["linear.weight"])


def test_an_adapter_of_parts_of_a_layer_changes_those_alone(tmp_path: Path) -> None:
    a, b = some(2 * RANK, 4), some(8, RANK)
    found = merged(
        tmp_path,
        {"fused.lora_A": a, "fused.lora_B": b},
        {**LORA, "enable_lora": [True, False, True]},
    )["fused.weight"]
    base = network().state_dict()["fused.weight"]
    first, last = b[:4] @ a[:RANK], b[4:] @ a[RANK:]
    assert torch.equal(found[4:8], base[4:8])
    torch.testing.assert_close(found[:4], base[:4] + first * ALPHA / RANK)
    torch.testing.assert_close(found[8:], base[8:] + last * ALPHA / RANK)


def test_adapters_of_convolutions_are_merged(tmp_path: Path) -> None:
    a, b = some(RANK, 3, 5), some(4, RANK, 1)
    square_a, square_b = some(3 * RANK, 9), some(12, 3 * RANK)  # loralib's way
    state = {"conv.lora_A.weight": a, "conv.lora_B.weight": b}
    state |= {"square.lora_A": square_a, "square.lora_B": square_b}
    # What the two matrices do one after the other is what the merged weight does at once.
    found, song = merged(tmp_path, state), some(2, 3, 20)
    conv1d = torch.nn.functional.conv1d
    base = network().state_dict()
    apart = conv1d(song, base["conv.weight"]) + conv1d(conv1d(song, a), b) * ALPHA / RANK
    torch.testing.assert_close(conv1d(song, found["conv.weight"]), apart)
    added = (square_b @ square_a).view(4, 3, 3, 3) * (ALPHA / RANK)
    assert torch.equal(found["square.weight"], base["square.weight"] + added)


def test_the_settings_of_a_folder_of_peft_go_before_the_yaml(tmp_path: Path) -> None:
    a, b = some(4, 4), some(12, 4)
    state = {
        "linear.lora_A.weight": A,
        "linear.lora_B.weight": B,
        "fused.lora_A.weight": a,
        "fused.lora_B.weight": b,
    }
    torch.save(
        {f"base_model.model.{name}": value for name, value in state.items()}, tmp_path / "adapter_model.bin"
    )
    config = {
        "peft_type": "LORA",
        "peft_version": "0.21.2",
        "r": RANK,
        "lora_alpha": 8,
        "rank_pattern": {"fused": 4},
        "alpha_pattern": {"fused": 6},
        "use_rslora": True,
        "init_lora_weights": True,
        "use_dora": False,
        "qalora_group_size": 16,
        "target_modules": ["linear", "fused"],
    }
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    expected = with_changes(linear=(B @ A) * (8 / 2**0.5), fused=(b @ a) * (6 / 4**0.5))
    assert_same(merged_from(tmp_path), expected)
    # The loralib key has no use for what lies beside its file.
    assert_same(
        merged(tmp_path, {"linear.lora_A": A, "linear.lora_B": B}),
        with_changes(linear=(B @ A) * (ALPHA / RANK)),
    )


def test_weights_trained_beside_the_matrices_replace_the_networks_own(tmp_path: Path) -> None:
    base = network().state_dict()
    found = merged(
        tmp_path,
        {
            "linear.lora_A.weight": A,
            "linear.lora_B.weight": B,
            "linear.base_layer.weight": base["linear.weight"],
            "linear.base_layer.bias": some(5),
            "norm.weight": some(4),
        },
    )
    expected = with_changes(linear=(B @ A) * (ALPHA / RANK))
    assert_same(found, {**expected, "linear.bias": some(5), "norm.weight": some(4)})


GOOD = {"linear.lora_A": A, "linear.lora_B": B}
PEFT = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA}


@pytest.mark.parametrize(
    ("state", "lora", "words"),
    [
        ({**GOOD, "nowhere.lora_A": A}, LORA, "nowhere.lora_A in it belongs to no layer of this model"),
        ({**GOOD, "nowhere.weight": A}, LORA, "nowhere.weight in it is neither a LoRA matrix nor a weight"),
        ({**GOOD, "epoch": 3}, LORA, "epoch in it is not a tensor"),
        ({**GOOD, "linear.lora_A.b.weight": A}, LORA, "more than one adapter for the layer linear"),
        ({"linear.lora_A": A}, LORA, "one of the two LoRA matrices of the layer linear only"),
        (
            {"linear.lora_A": A, "linear.lora_B": B[:4]},
            LORA,
            "layer linear have other shapes than the layer takes",
        ),
        (
            {"linear.lora_A": A[0], "linear.lora_B": B},
            LORA,
            "layer linear have other shapes than the layer takes",
        ),
        ({"fused.lora_A": some(4, 4), "fused.lora_B": some(8, 2)}, LORA, "layer fused have other shapes"),
        (
            {
                "linear.lora_A": torch.ones(1).expand(2**40, 6),
                "linear.lora_B": torch.ones(1).expand(5, 2**40),
            },
            LORA,
            "layer linear have other shapes than the layer takes",
        ),
        (
            {"linear.lora_A": torch.ones(1, dtype=torch.float16).expand(2**40, 6), "linear.lora_B": B},
            LORA,
            "layer linear have other shapes than the layer takes",
        ),
        ({f"{'module.' * 100}linear.lora_A": A}, LORA, "in it belongs to no layer of this model"),
        (GOOD, {**PEFT, "lora_alpha": 10**400}, "lora_alpha in its adapter_config.json is not a valid alpha"),
        ({"norm.lora_A": some(2, 4), "norm.lora_B": some(4, 2)}, LORA, "layer norm is neither linear nor"),
        (
            {"grouped.lora_A": some(2, 2, 3), "grouped.lora_B": some(4, 2, 1)},
            LORA,
            "layer grouped have other",
        ),
        ({**GOOD, "linear.weight": some(5, 6)}, LORA, "another linear.weight next to LoRA matrices"),
        ({**GOOD, "linear.bias": some(6)}, LORA, "linear.bias in it has another shape"),
        (
            {"linear.weight": some(5, 6)},
            LORA,
            "it holds no LoRA matrices, whose names end in lora_A and lora_B",
        ),
        (
            {"epoch": 3, "optimizer_state_dict": {}},
            LORA,
            "an adapter by peft is the folder that save_pretrained",
        ),
        (
            GOOD,
            None,
            "its scaling is unknown: lora_alpha is missing in the section lora of the model's YAML",
        ),
        (GOOD, {"r": 2}, "lora_alpha is missing"),
        (
            GOOD,
            {"r": 2, "lora_alpha": "much"},
            "lora_alpha in the section lora of the model's YAML is not a valid alpha",
        ),
        (GOOD, {"r": 2, "lora_alpha": float("nan")}, "is not a valid alpha"),
        (
            GOOD,
            {"r": 8, "lora_alpha": 3},
            "the layer linear has rank 2, but the section lora of the model's YAML says 8",
        ),
        (GOOD, {**LORA, "use_dora": True}, "sets use_dora, which cannot be merged"),
        (GOOD, {**LORA, "enable_lora": [False]}, "not a list of true and false with at least one true"),
        (GOOD, {**LORA, "enable_lora": True}, "not a list of true and false with at least one true"),
        (
            GOOD,
            {**PEFT, "init_lora_weights": "pissa"},
            "sets init_lora_weights to pissa, which changes the base weights, too",
        ),
        (
            GOOD,
            {**PEFT, "alpha_pattern": {"(a+)+$": 4}},
            "(a+)+$ at alpha_pattern in its adapter_config.json is not",
        ),
        (GOOD, {**PEFT, "peft_type": "LOHA"}, "its adapter_config.json is not one of a LoRA adapter"),
        (GOOD, {**PEFT, "new_way": {"x": 1}}, "its adapter_config.json sets new_way, which cannot be merged"),
        (GOOD, ["no settings"], "its adapter_config.json is not one of a LoRA adapter"),
    ],
)
def test_what_cannot_be_merged_is_refused_by_name(tmp_path: Path, state: Any, lora: Any, words: str) -> None:
    by_peft = isinstance(lora, list) or (lora is not None and "peft_type" in lora)
    with pytest.raises(Failure) as caught:
        merged(tmp_path, state, lora, key="peft" if by_peft else "loralib", config=lora if by_peft else None)
    assert caught.value.kind == "MODEL_UNAVAILABLE"
    assert caught.value.message.startswith("The LoRA checkpoint of starter is not ")
    assert words in caught.value.message
    assert str(tmp_path) not in caught.value.message


def test_a_folder_without_an_adapter_and_a_broken_configuration_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"holds no adapter_model.safetensors and no adapter_model.bin"):
        merged_from(tmp_path)
    torch.save(GOOD, tmp_path / "adapter_model.bin")
    (tmp_path / "adapter_config.json").write_text("[" * 100_000)
    with pytest.raises(Failure, match=r"its adapter_config.json cannot be read"):
        merged_from(tmp_path)


def adapted(
    folder: Path, model: ModelParams, key: str, strength: float = 1.0
) -> tuple[ModelParams, ModelParams]:
    """A model with an adapter, and one whose checkpoint has the same adapter in it by hand."""
    folder.mkdir()
    state = {name: weight.float() for name, weight in torch.load(model.checkpoint_path).items()}
    layers = [name for name in state if name.endswith(("tdf.2.weight", "mix.weight"))]
    adapter = {}
    for name in layers:
        weight, layer = state[name], name.removesuffix(".weight")
        a, b = (
            some(RANK, *weight.shape[1:]),
            strength * some(weight.shape[0], RANK, *(1 for _ in weight.shape[2:])),
        )
        adapter |= {f"{layer}.lora_A.weight": a, f"{layer}.lora_B.weight": b}
        weight += ((b.flatten(1) @ a.flatten(1)) * (ALPHA / RANK)).view(weight.shape)
    torch.save(state, folder / "merged.ckpt")
    torch.save({"model_state_dict": adapter}, folder / "adapter.ckpt")
    config = yaml.safe_load(Path(model.config_path).read_text(encoding="utf-8"))
    (folder / "model.yaml").write_text(yaml.safe_dump({**config, "lora": LORA}), encoding="utf-8")
    with_yaml = dataclasses.replace(model, name="adapted", config_path=str(folder / "model.yaml"))
    return (
        dataclasses.replace(with_yaml, **{f"lora_checkpoint_{key}": str(folder / "adapter.ckpt")}),
        dataclasses.replace(with_yaml, checkpoint_path=str(folder / "merged.ckpt")),
    )


@pytest.mark.parametrize("key", ["loralib", "peft"])
def test_stems_are_those_of_weights_that_were_merged_by_hand_also_when_warm(
    engine: Engine, shape: str, model: ModelParams, tmp_path: Path, key: str
) -> None:
    song = mixture(tmp_path / "song.wav", seconds=1)
    with_adapter, by_hand = adapted(tmp_path / "adapter", model, key)
    expected = plain_stems(shape, tmp_path / "plain", song, by_hand)
    base = plain_stems(shape, tmp_path / "base", song, model)
    loads = engine._models.loads
    for number in range(2):
        run = Run(tmp_path / str(number), song, with_adapter)
        result = run.on(engine)
        assert result.model_loads == loads + 1
        for name, samples in expected.items():
            assert numpy.array_equal(run.stem(result, name), samples), name
            assert agreement(base[name], samples) < 40, "the adapter is to be heard"


@pytest.mark.parametrize("key", ["loralib", "peft"])
def test_another_adapter_under_the_same_name_is_loaded(
    engine: Engine, model: ModelParams, tmp_path: Path, key: str
) -> None:
    with_adapter, _ = adapted(tmp_path / "one", model, key)
    adapted(tmp_path / "two", model, key, strength=2.0)
    loads: list[int] = []
    for replace in (False, False, True, False):
        if replace:
            os.replace(tmp_path / "two" / "adapter.ckpt", tmp_path / "one" / "adapter.ckpt")
        loads.append(engine.load(with_adapter, lambda level, message: None).model_loads)
    assert [number - loads[0] for number in loads] == [0, 0, 1, 1]


def test_an_adapter_that_does_not_fit_leaves_the_model_unloaded(
    engine: Engine, model: ModelParams, tmp_path: Path
) -> None:
    with_adapter, _ = adapted(tmp_path / "adapter", model, "loralib")
    torch.save({"elsewhere.lora_A": A, "elsewhere.lora_B": B}, str(with_adapter.lora_checkpoint_loralib))
    with pytest.raises(Failure, match=r"elsewhere.lora_A in it belongs to no layer"):
        engine.load(with_adapter, lambda level, message: None)
    with pytest.raises(Failure, match=r"elsewhere.lora_A in it belongs to no layer"):
        Run(tmp_path / "run", mixture(tmp_path / "song.wav"), with_adapter).on(engine)


PRETENDED_PEFT = """
class PeftModel:
    folders = []

    @classmethod
    def from_pretrained(cls, model, folder):
        cls.folders.append(folder)
        return model
"""


def test_where_the_package_applies_a_folder_of_peft_itself_it_is_not_merged_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "peft.py").write_text(PRETENDED_PEFT)
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    folder, song = tmp_path / "folder", mixture(tmp_path / "song.wav", seconds=1)
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps(PEFT))
    layer = next(name for name in torch.load(STARTER.checkpoint_path) if name.endswith("tdf.2.weight"))
    adapter = {f"base_model.model.{layer.replace('.weight', f'.lora_{factor}.weight')}": A for factor in "AB"}
    torch.save(adapter, folder / "adapter_model.bin")
    model = dataclasses.replace(STARTER, lora_checkpoint_peft=str(folder))
    plain = plain_stems("package", tmp_path / "plain", song, STARTER)
    with engine_of("package") as engine:
        for number in range(2):
            run = Run(tmp_path / str(number), song, model)
            result = run.on(engine)
            assert all(numpy.array_equal(run.stem(result, name), stem) for name, stem in plain.items())
        # peft itself only warns of what it finds no place for.
        torch.save({**adapter, "base_model.model.nowhere.lora_A.weight": A}, folder / "adapter_model.bin")
        with pytest.raises(Failure, match=r"nowhere.lora_A.weight in it belongs to no layer of this model"):
            engine.load(model, lambda level, message: None)
    import peft

    assert peft.PeftModel.folders == [str(folder)] * 2
    monkeypatch.delitem(sys.modules, "peft")
