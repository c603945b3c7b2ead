"""What the lower scales of a network are worth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from architectures import SCNET
from recipe import CHUNK, lines_without_bar, noise_songs, tiny_config

from training.evaluate.__main__ import main as evaluate
from training.evaluate.separators import network_separator
from training.model import load
from training.tensors import write_tensors
from training.train.start import started

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("one_thread")]
SCALES = 3


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A tiny network of three scales and a bottleneck; its checkpoint has the same name."""
    path = tiny_config(tmp_path / "deep.yaml")
    settings = yaml.safe_load(path.read_text("utf-8"))
    settings["model"]["num_scales"] = SCALES
    path.write_text(yaml.safe_dump(settings), "utf-8")
    torch.manual_seed(3)
    network, _ = started(path, None)
    with torch.no_grad():
        # As loud as music, so that a scale more or less shows in figures of two places.
        network.final_conv[-1].weight.mul_(30)
    write_tensors(path.with_suffix(".ckpt"), network.state_dict())
    return path


def with_other_weights(config: Path, below: int) -> Path:
    """The checkpoint with other weights in what lies below the upper scales."""
    network, _, _ = load(config, config.with_suffix(".ckpt"))
    parts = [network.bottleneck_block, *network.encoder_blocks[below:]]
    parts += [network.encoder_blocks[below - 1].downscale, *network.decoder_blocks[: SCALES - below]]
    with torch.no_grad():
        for part in parts:
            for value in part.parameters():
                value.add_(torch.randn(value.shape))
    other = config.with_name(f"other{below}.ckpt")
    write_tensors(other, network.state_dict())
    return other


@pytest.mark.parametrize("scales", [1, 2, 3])
def test_the_upper_scales_do_not_hear_what_lies_below(config: Path, scales: int) -> None:
    checkpoint, other = config.with_suffix(".ckpt"), with_other_weights(config, scales)
    mixture = np.random.default_rng(1).normal(0, 0.1, (2, CHUNK)).astype("float32")
    whole = network_separator(config, checkpoint)(mixture)
    upper = network_separator(config, checkpoint, scales)(mixture)
    assert np.array_equal(upper, network_separator(config, other, scales)(mixture))
    assert not np.allclose(upper, whole)
    assert not np.allclose(whole, network_separator(config, other)(mixture))


def test_the_command_measures_one_scale_fewer_at_a_time(
    config: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    songs, out = noise_songs(tmp_path / "songs", count=1, seconds=1.0), tmp_path / "scores.json"
    asked = [str(songs), "--model", f"tiny={config}:{config.with_suffix('.ckpt')}", "--seconds", "1"]
    assert evaluate([*asked, "--scales", "--json", str(out), "--threads", "1"]) == 0
    names = ["tiny", *(f"tiny, upper {scales} of 4 scales" for scales in (3, 2, 1))]
    figures = json.loads(out.read_text("utf-8"))["figures"]
    assert [name for name in figures if name.startswith("tiny")] == names
    assert len({tuple(cell["sdr"] for cell in figures[name].values()) for name in names}) == 4
    rows = [line for line in capfd.readouterr().out.splitlines() if line.startswith("| tiny")]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == names


def test_another_network_has_no_scales_to_leave_out(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "scnet.yaml"
    settings = yaml.safe_load(tiny_config(config, model_type="scnet").read_text("utf-8"))
    settings["audio"] = {**settings["audio"], **SCNET["audio"]}
    settings["model"] = {**SCNET["model"], "sources": list(settings["training"]["instruments"])}
    config.write_text(yaml.safe_dump(settings), "utf-8")
    network, _ = started(config, None)
    write_tensors(config.with_suffix(".ckpt"), network.state_dict())
    songs = noise_songs(tmp_path / "songs", count=1, seconds=1.0)
    asked = ["--model", f"it={config}:{config.with_suffix('.ckpt')}", "--scales"]
    assert evaluate([str(songs), *asked]) == 1
    (line,) = lines_without_bar(capfd.readouterr().err)
    assert line == f"--scales is for networks of the type mdx23c; {config} is one of scnet."
