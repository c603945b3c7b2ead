"""Stems of which a network keeps what it hears, while it learns another."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from recipe import STEMS, TINY, lines_without_bar, noise_songs, tiny_model

from training.tensors import read_tensors
from training.train.__main__ import main as train
from training.train.kept import HOLD, Kept
from training.train.learn import Settings, begin, step

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("one_thread")]
SETTINGS = Settings(steps=60, rate=0.02, warm_up=1, averaged=0.9, report_every=60, bfloat16=False)
BASS = STEMS.index("bass")
OTHERS = [index for index, stem in enumerate(STEMS) if stem != "bass"]


class Gains(torch.nn.Module):
    """Each stem is the mixture, mixed from its channels: what each learns is its own."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.gains = torch.nn.ModuleList(torch.nn.Linear(2, 2) for _ in STEMS)

    def forward(self, mixture: torch.Tensor) -> torch.Tensor:
        return torch.stack([gain(mixture.transpose(1, 2)).transpose(1, 2) for gain in self.gains], 1)


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def test_a_kept_stem_asks_nothing_until_it_changes_and_then_the_square_of_the_change() -> None:
    mixture, errors = noise(2, 2, 500), torch.full((2, len(STEMS)), 0.5)
    kept = Kept(Gains(), OTHERS)
    before = kept.network(mixture)
    same = kept.errors_instead(errors, before, before, mixture)
    assert same[:, BASS].tolist() == [0.5, 0.5] and same[:, OTHERS].abs().max().item() == 0
    # Every stem departs by a tenth of the mixture's level; a louder mixture makes no difference.
    for gain in (1, 7):
        moved = before + 0.1 * mixture[:, None]
        changed = kept.errors_instead(errors, moved * gain, before * gain, mixture * gain)
        assert changed[:, OTHERS].flatten().tolist() == pytest.approx([HOLD * 0.01] * 4, rel=1e-3)


def test_what_a_network_was_is_kept_when_it_learns_on() -> None:
    network, mixture = Gains(), noise(1, 2, 500)
    was = network(mixture).detach()
    kept = Kept(network, OTHERS)
    with torch.no_grad():
        network.gains[0].weight.add_(1)
    assert torch.equal(kept.network(mixture), was)


def test_a_network_learns_one_stem_and_keeps_the_rest() -> None:
    targets = noise(4, len(STEMS), 2, 400)
    first = Gains()
    learnt = {}
    for kept in ([], OTHERS):
        run = begin(copy.deepcopy(first), torch.device("cpu"), kept)
        for _ in range(SETTINGS.steps):
            step(run, targets, SETTINGS)
        learnt[len(kept)] = [
            (gain.weight - before.weight).norm().item()
            for gain, before in zip(run.network.gains, first.gains, strict=True)
        ]
    free, held = learnt[0], learnt[len(OTHERS)]
    assert held[BASS] == pytest.approx(free[BASS], rel=0.05) and held[BASS] > 0.1
    assert all(held[index] < 0.1 * free[index] for index in OTHERS)


def test_the_command_learns_with_stems_kept_and_goes_on_with_the_same_only(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    songs = noise_songs(tmp_path / "songs", count=2, seconds=1)
    config = tiny_model(tmp_path / "tiny.yaml")
    start = config.with_suffix(".ckpt")

    def command(out: str, *kept: str) -> list[str]:
        named = [part for stem in kept for part in ("--kept", stem)]
        network = ["--config", str(config), "--start", str(start)]
        return [str(songs), str(songs), str(tmp_path / out), *network, "--steps", "3", *TINY, *named]

    assert train(command("free")) == 0
    assert train(command("held", "other", "drums")) == 0
    # The order is no setting.
    assert train(command("held", "drums", "other", "drums")) == 0
    free, held = (read_tensors(tmp_path / out / "model.ckpt") for out in ("free", "held"))
    assert any(not torch.equal(free[name], held[name]) for name in free)
    without_start = [part for part in command("all", "drums") if part not in ("--start", str(start))]
    refusals: list[tuple[Callable[[], int], str]] = [
        (lambda: train(command("held", "drums")), "other settings"),
        (lambda: train(command("all", *STEMS)), "Leave one out"),
        (lambda: train(without_start), "--start"),
    ]
    for refused, why in refusals:
        capfd.readouterr()
        assert refused() == 1
        (line,) = lines_without_bar(capfd.readouterr().err)
        assert why in line
    assert not (tmp_path / "all").exists()
