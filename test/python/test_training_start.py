"""What a network of finer frequencies takes over from a coarser one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from recipe import CHUNK, ROOT, tiny_model

from training.command import CommandError
from training.stems import SAMPLE_RATE
from training.tensors import read_tensors, write_tensors
from training.train.start import started

pytestmark = pytest.mark.filterwarnings("ignore")
ENDS = ("first_conv.", "final_conv.")


@pytest.fixture
def coarse(tmp_path: Path) -> Path:
    """A tiny network's YAML; its checkpoint has the same name."""
    return tiny_model(tmp_path / "coarse.yaml")


def finer(config: Path, to: Path, factor: int = 2, **model: Any) -> Path:
    """The YAML with a window and bands `factor` times as long and many."""
    settings = yaml.safe_load(config.read_text("utf-8"))
    for size in ("n_fft", "dim_f"):
        settings["audio"][size] *= factor
    settings["model"]["num_subbands"] *= factor
    settings["model"].update(model)
    to.write_text(yaml.safe_dump(settings), "utf-8")
    return to


@pytest.mark.parametrize("factor", [2, 3])
def test_a_finer_network_begins_with_the_insides_of_a_coarser(
    coarse: Path, tmp_path: Path, factor: int
) -> None:
    before = read_tensors(coarse.with_suffix(".ckpt"))
    begun = [
        started(finer(coarse, tmp_path / "f.yaml", factor), coarse.with_suffix(".ckpt")) for _ in range(2)
    ]
    after, again = (network.state_dict() for network, _ in begun)
    assert all(torch.equal(after[name], again[name]) for name in after)
    inside = [name for name in before if not name.startswith(ENDS) and ".tdf." not in name]
    assert inside and all(torch.equal(after[name], before[name]) for name in inside)


@pytest.mark.parametrize("factor", [2, 3])
def test_each_band_becomes_bands_about_like_it(coarse: Path, tmp_path: Path, factor: int) -> None:
    before = read_tensors(coarse.with_suffix(".ckpt"))
    network, _ = started(finer(coarse, tmp_path / "f.yaml", factor), coarse.with_suffix(".ckpt"))
    after = network.state_dict()
    inner, bands = before["first_conv.weight"].shape[:2]
    # The last but one convolution hears the mixture's bands, then what the insides made of them.
    old, new = before["final_conv.0.weight"], after["final_conv.0.weight"]
    assert old.shape[1] == bands + inner and torch.equal(new[:, bands * factor :], old[:, bands:])
    for was, now, dim, louder in (
        (before["first_conv.weight"], after["first_conv.weight"], 1, factor**0.5),
        (old[:, :bands], new[:, : bands * factor], 1, factor**0.5),
        (before["final_conv.2.weight"], after["final_conv.2.weight"], 0, 1),
    ):
        spread = now.unflatten(dim, (-1, factor)) * louder / was.unsqueeze(dim + 1)
        assert spread.mean() == pytest.approx(1, abs=0.1)
        assert spread.std() == pytest.approx(0.3, rel=0.3)


def test_a_matrix_over_the_rows_of_a_band_is_that_of_its_lowest_part(coarse: Path, tmp_path: Path) -> None:
    before = read_tensors(coarse.with_suffix(".ckpt"))
    network, _ = started(finer(coarse, tmp_path / "finer.yaml"), coarse.with_suffix(".ckpt"))
    after = network.state_dict()
    matrices = [name for name, value in before.items() if ".tdf." in name and value.ndim == 2]
    rows = {name: max(before[name].shape) for name in matrices}
    assert matrices
    for name in matrices:
        down = before[name].shape[1] == rows[name]
        half = before[name][:, : rows[name] // 2] if down else before[name][: rows[name] // 2]
        # What is spread over two rows weighs the same as what was one.
        of_pairs = (
            after[name].unflatten(1, (-1, 2)).sum(2) if down else after[name].unflatten(0, (-1, 2)).mean(1)
        )
        torch.testing.assert_close(of_pairs, half)


def test_a_finer_and_deeper_network_may_begin_with_a_coarser_one(coarse: Path, tmp_path: Path) -> None:
    config = finer(coarse, tmp_path / "finer.yaml", num_blocks_per_scale=2)
    network, _ = started(config, coarse.with_suffix(".ckpt"))
    with torch.inference_mode():
        assert network.eval()(torch.randn(1, 2, CHUNK)).isfinite().all()


@pytest.mark.parametrize("bands", [3, 1])
def test_bands_that_are_no_multiple_are_refused(coarse: Path, tmp_path: Path, bands: int) -> None:
    settings = yaml.safe_load(coarse.read_text("utf-8"))
    settings["model"]["num_subbands"] = bands
    settings["audio"]["dim_f"] = 128 * bands
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    with pytest.raises(CommandError, match="does not hold the weights of"):
        started(tmp_path / "other.yaml", coarse.with_suffix(".ckpt"))


@pytest.mark.parametrize("name", ["first_conv.weight", "final_conv.0.weight", "final_conv.2.weight"])
def test_weights_of_no_shape_are_refused(coarse: Path, tmp_path: Path, name: str) -> None:
    weights = read_tensors(coarse.with_suffix(".ckpt"))
    write_tensors(tmp_path / "odd.ckpt", {**weights, name: torch.zeros(3)})
    with pytest.raises(CommandError, match="does not hold the weights of"):
        started(finer(coarse, tmp_path / "finer.yaml"), tmp_path / "odd.ckpt")


def test_what_the_starter_knows_is_of_use_to_a_finer_network(tmp_path: Path) -> None:
    config = finer(ROOT / "configs" / "config_starter.yaml", tmp_path / "finer.yaml")
    torch.manual_seed(0)
    fresh, _ = started(config, None)
    taught, _ = started(config, ROOT / "pretrain" / "starter.ckpt")
    targets = music(130_048)
    mixture = torch.from_numpy(targets.sum(0))[None]
    with torch.inference_mode():
        estimates = [network.eval()(mixture)[0].numpy() for network in (fresh, taught)]
    of_fresh, of_taught = (likeness(targets, estimate) for estimate in estimates)
    assert (of_taught > of_fresh + 0.2).all(), (of_fresh, of_taught)


def likeness(targets: np.ndarray, estimates: np.ndarray) -> np.ndarray:
    """The correlation of each stem with its estimate."""
    pairs = zip(targets, estimates, strict=True)
    return np.array([np.corrcoef(target.ravel(), estimate.ravel())[0, 1] for target, estimate in pairs])


def music(samples: int) -> np.ndarray:
    """Four hits of noise a second, a low tone and a chord: float32 (stems, 2, samples)."""
    time = np.arange(samples) / SAMPLE_RATE
    chance = np.random.default_rng(1)
    hits = chance.normal(size=samples) * np.exp(-30 * (time % 0.25))
    low = sum(np.sin(2 * np.pi * 55 * n * time) / n for n in range(1, 6))
    chord = sum(np.sin(2 * np.pi * 220 * pitch * time) for pitch in (1, 1.26, 1.5))
    stems = np.stack([0.1 * hits, 0.1 * low, 0.1 * chord]).astype(np.float32)
    return np.repeat(stems[:, None], 2, axis=1)
