"""What a network of more scales or blocks takes over from one of fewer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from recipe import CHUNK, ROOT, tiny_model

from training.command import CommandError
from training.tensors import read_tensors, write_tensors
from training.train.deeper import scales_of
from training.train.start import started

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def shallow(tmp_path: Path) -> Path:
    """A tiny network's YAML; its checkpoint has the same name."""
    return tiny_model(tmp_path / "shallow.yaml")


def changed(config: Path, to: Path, **model: Any) -> Path:
    """The YAML with another network."""
    settings = yaml.safe_load(config.read_text("utf-8"))
    settings["model"].update(model)
    to.write_text(yaml.safe_dump(settings), "utf-8")
    return to


def scales_in(config: Path) -> int:
    return int(yaml.safe_load(config.read_text("utf-8"))["model"]["num_scales"])


@pytest.mark.parametrize("more", [{"scales": 1}, {"scales": 2}, {"blocks": 3}, {"scales": 1, "blocks": 2}])
def test_a_deeper_network_begins_as_the_other_and_all_of_it_learns(
    shallow: Path, tmp_path: Path, more: dict[str, int]
) -> None:
    model = {
        "num_scales": scales_in(shallow) + more.get("scales", 0),
        "num_blocks_per_scale": more.get("blocks", 1),
    }
    config = changed(shallow, tmp_path / "deeper.yaml", **model)
    torch.manual_seed(1)
    before, _ = started(shallow, shallow.with_suffix(".ckpt"))
    after, _ = started(config, shallow.with_suffix(".ckpt"))
    sound = torch.randn(2, 2, CHUNK)
    with torch.inference_mode():
        torch.testing.assert_close(after.eval()(sound), before.eval()(sound), atol=1e-4, rtol=1e-4)
    # What is idle at first moves with the first step, and with the second what lies behind it.
    optimiser = torch.optim.SGD(after.parameters(), lr=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        after.train()(sound).square().mean().backward()
        optimiser.step()
    still = [name for name, value in after.named_parameters() if value.grad is None or not value.grad.any()]
    assert still == []


def test_the_bottom_of_the_other_is_on_the_way_down_and_its_way_up_is_one_later(
    shallow: Path, tmp_path: Path
) -> None:
    lowest = scales_in(shallow)
    before = read_tensors(shallow.with_suffix(".ckpt"))
    config = changed(shallow, tmp_path / "deeper.yaml", num_scales=lowest + 1)
    network, _ = started(config, shallow.with_suffix(".ckpt"))
    after = network.state_dict()
    assert (scales_of(before), scales_of(after)) == (lowest, lowest + 1)
    for had, has in (
        (
            "bottleneck_block.blocks.0.tfc1.2.weight",
            f"encoder_blocks.{lowest}.tfc_tdf.blocks.0.tfc1.2.weight",
        ),
        ("decoder_blocks.0.upscale.conv.2.weight", "decoder_blocks.1.upscale.conv.2.weight"),
        ("encoder_blocks.0.downscale.conv.2.weight", "encoder_blocks.0.downscale.conv.2.weight"),
    ):
        assert torch.equal(before[had], after[has])


@pytest.mark.parametrize("model", [{"num_scales": 1}, {"growth": 3, "num_scales": 4}, {"num_channels": 12}])
def test_a_network_that_is_no_deeper_one_is_refused(
    shallow: Path, tmp_path: Path, model: dict[str, int]
) -> None:
    config = changed(shallow, tmp_path / "other.yaml", **model)
    with pytest.raises(CommandError, match="does not hold the weights of"):
        started(config, shallow.with_suffix(".ckpt"))


def test_a_checkpoint_of_something_else_is_refused(shallow: Path, tmp_path: Path) -> None:
    write_tensors(tmp_path / "odd.ckpt", {"encoder_blocks.0.weight": torch.zeros(3)})
    with pytest.raises(CommandError, match="does not hold the weights of"):
        started(shallow, tmp_path / "odd.ckpt")


def test_the_starter_may_grow(tmp_path: Path) -> None:
    starter = ROOT / "configs" / "config_starter.yaml"
    deeper = changed(starter, tmp_path / "deeper.yaml", num_scales=scales_in(starter) + 1)
    before, _ = started(starter, ROOT / "pretrain" / "starter.ckpt")
    after, _ = started(deeper, ROOT / "pretrain" / "starter.ckpt")
    # Frames enough for one scale more.
    sound = torch.randn(1, 2, 64_512)
    with torch.inference_mode():
        torch.testing.assert_close(after.eval()(sound), before.eval()(sound), atol=1e-4, rtol=1e-4)
