"""Cutting a mixture up, over random grids: what is kept of the pieces is as `demix` makes it of the whole."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ml_collections import ConfigDict
from model_yaml import small_yaml, yaml_of
from msst.utils.model_utils import apply_tta, demix

from python_worker.engine.pieces.piece_network import PieceNetwork
from python_worker.engine.pieces.piece_plan import CHECKED_SAMPLES, Grid, Piece, grid_of, plan_pieces

pytestmark = pytest.mark.usefixtures("one_thread")

Stems = dict[str, numpy.ndarray[Any, Any]]


class WholeChunkNetwork(torch.nn.Module):
    """Every sample that it puts out depends on the whole chunk, and it counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, chunks: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        spectrum = torch.fft.rfft(chunks)
        turned = spectrum * torch.cos(torch.arange(spectrum.shape[-1]) * 0.01 + 0.3)
        loud = torch.fft.irfft(turned, n=chunks.shape[-1]) * (
            1 + chunks.pow(2).mean(dim=(1, 2), keepdim=True)
        )
        return torch.stack([loud * stem + chunks.flip(-1) * 0.1 for stem in (1, 2)], 1)


def separate(config: Any, architecture: str, network: torch.nn.Module, mixture: Any, use_tta: bool) -> Stems:
    stems: Stems = demix(config, network, mixture, "cpu", architecture)
    return apply_tta(config, network, mixture, stems, "cpu", architecture) if use_tta else stems


def in_pieces(
    grid: Grid, pieces: list[Piece], network: WholeChunkNetwork, mixture: Any, *how: Any
) -> tuple[Stems, int]:
    """What is kept of all pieces, put together, and the forward calls made."""
    config, architecture, use_tta = how
    between = PieceNetwork(grid, pieces)
    kept: dict[str, list[Any]] = {"drums": [], "other": []}
    tails: Stems = {}
    with between.before(network):
        for number, piece in enumerate(pieces):
            between.begin(number)
            audio = mixture[:, piece.start : piece.stop]
            for name, stem in separate(config, architecture, network, audio, use_tta).items():
                if number > 0:
                    seam = stem[:, piece.checked_from - piece.start : piece.keep_from - piece.start]
                    assert numpy.array_equal(seam, tails[name])
                until_end = stem[:, : piece.keep_to - piece.start]
                kept[name].append(until_end[:, piece.keep_from - piece.start :])
                tails[name] = until_end[:, -CHECKED_SAMPLES:]
    return {name: numpy.concatenate(stem, axis=1) for name, stem in kept.items()}, network.calls


@st.composite
def grids(draw: st.DrawFn) -> tuple[Any, str]:
    """A YAML and its architecture."""
    chunk = draw(st.sampled_from([2000, 2048, 3001, 4096]))
    inference = {"num_overlap": draw(st.integers(1, 5)), "batch_size": draw(st.integers(1, 4))}
    training = {
        "instruments": ["drums", "other"],
        "samplerate": 1000,
        "segment": chunk / 1000,
        "use_amp": False,
    }
    config = ConfigDict({"audio": {"chunk_size": chunk}, "training": training, "inference": inference})
    return config, draw(st.sampled_from(["mdx23c", "htdemucs"]))


@settings(max_examples=60)
@given(grids(), st.integers(20_000, 200_000), st.integers(6_000, 80_000), st.booleans())
def test_pieces_give_the_samples_of_the_whole_and_compute_hardly_anything_twice(
    model: tuple[Any, str], samples: int, target: int, use_tta: bool
) -> None:
    config, architecture = model
    grid = grid_of(config, architecture)
    assert grid is not None
    pieces = plan_pieces(grid, samples, target)
    mixture = numpy.random.default_rng(samples).standard_normal((2, samples)).astype(numpy.float32)
    network = WholeChunkNetwork()
    whole = separate(config, architecture, network, mixture, use_tta)
    stems, calls = in_pieces(grid, pieces, WholeChunkNetwork(), mixture, config, architecture, use_tta)
    for name, stem in whole.items():
        assert numpy.array_equal(stem, stems[name])
    # A piece as short as a few chunks has hardly any that the next one can take over, and at a seam the
    # padding of one of the two may reach into a batch that both need.
    shortest = min((piece.stop - piece.start for piece in pieces), default=samples)
    if shortest > 4 * (grid.chunk + grid.batch * grid.step) + 2 * CHECKED_SAMPLES:
        assert calls <= network.calls + (len(pieces) - 1) * (3 if use_tta else 1)


@given(grids(), st.floats(1.25, 40))
def test_pieces_as_long_as_the_server_asks_for_can_always_be_cut(
    model: tuple[Any, str], longer: float
) -> None:
    config, architecture = model
    grid = grid_of(config, architecture)
    assert grid is not None
    target = 4 * (grid.chunk + grid.batch * grid.step) + 2 * CHECKED_SAMPLES
    samples = round(longer * target)
    pieces = plan_pieces(grid, samples, target)
    assert len(pieces) > 1
    assert max(piece.stop - piece.start for piece in pieces[:-1]) <= target
    assert pieces[-1].stop - pieces[-1].start <= target + grid.chunk + grid.batch * grid.step
    assert [pieces[0].keep_from, pieces[-1].keep_to] == [0, samples]
    assert all(one.keep_to == following.keep_from for one, following in pairwise(pieces))


@pytest.mark.parametrize(
    ("config", "architecture", "grid"),
    [
        (small_yaml(), "mdx23c", Grid(1000, 250, 2, 750, True)),
        (small_yaml(chunk_size=600), "mdx23c", Grid(600, 150, 2, 450, True)),
        (small_yaml(num_overlap=1001), "mdx23c", None),
        (small_yaml(num_overlap=1000), "mdx23c", Grid(1000, 1, 2, 999, True)),
        (small_yaml(num_overlap=0), "mdx23c", None),
        (small_yaml(batch_size=0), "mdx23c", None),
        (small_yaml(batch_size="two"), "mdx23c", None),
        (small_yaml(), "htdemucs", None),
        (yaml_of(audio={"chunk_size": 1000}), "mdx23c", None),
        (
            yaml_of(
                training={"samplerate": 1000, "segment": 2.4, "model_type": "htdemucs"},
                inference={"num_overlap": 4, "batch_size": 1},
            ),
            "named otherwise",
            Grid(2400, 600, 1, 0, False),
        ),
    ],
)
def test_the_grid_is_that_of_the_yaml(config: Any, architecture: str, grid: Grid | None) -> None:
    assert grid_of(config, architecture) == grid


def test_what_is_too_short_is_not_padded_as_demix_does_not_pad_it() -> None:
    grid = Grid(1000, 250, 2, 750, True)
    assert [grid.padding(1500), grid.padding(1501)] == [0, 750]
    assert [grid.batches(1500), grid.batches(1501)] == [3, 7]


def test_pieces_begin_at_batches_of_the_whole_and_what_is_kept_meets_without_a_gap() -> None:
    grid = Grid(1000, 250, 2, 750, True)
    pieces = plan_pieces(grid, 100_000, 20_000)
    assert [piece.first_batch for piece in pieces] == [piece.start // 500 for piece in pieces]
    for piece, following in pairwise(pieces):
        assert piece.keep_to == following.keep_from
        assert following.checked_from == following.keep_from - CHECKED_SAMPLES
        assert following.start % 500 == 0
    whole = plan_pieces(grid, 100_000, 100_000)
    assert [(one.start, one.stop, one.keep_from, one.keep_to) for one in whole] == [(0, 100_000, 0, 100_000)]
    # 101,500 samples with the padding, in steps of 500; the last batch lies in the padding alone.
    assert whole[0].clean == frozenset(range(203)) == whole[0].needed | {202}


def test_a_piece_takes_over_only_batches_that_lie_within_it() -> None:
    first, second = plan_pieces(Grid(1000, 250, 2, 750, True), 20_000, 14_000)
    # A batch reaches from 750 samples before its number times 500 to 500 samples after: 1250 in all.
    reach = {number: (500 * number - 750, 500 * number + 500) for number in range(60)}
    for piece in (first, second):
        inside = [
            number
            for number, (begins, ends) in reach.items()
            if ends > piece.checked_from and begins < piece.keep_to
        ]
        assert sorted(piece.needed) == [number for number in inside if number < 43]
    assert sorted(first.clean) == [number for number in reach if reach[number][1] <= first.stop]
    assert sorted(second.clean) == [number for number in range(43) if reach[number][0] >= second.start]


def test_the_number_of_forwards_follows_from_the_yaml() -> None:
    generic = yaml_of(audio={"chunk_size": 100}, inference={"num_overlap": 4, "batch_size": 3}, training={})
    # 1000 samples and a border of 75 on both sides: 46 steps of 25, in batches of 3.
    assert batches_of(generic, "mdx23c", 1000) == 16
    # Not longer than two borders: none is added.
    assert batches_of(generic, "mdx23c", 150) == 2
    demucs = yaml_of(
        training={"samplerate": 10, "segment": 10}, inference={"num_overlap": 4, "batch_size": 1}
    )
    assert batches_of(demucs, "htdemucs", 1000) == 40
    assert grid_of(yaml_of(), "mdx23c") is None


def batches_of(config: Any, architecture: str, samples: int) -> int:
    grid = grid_of(config, architecture)
    assert grid is not None
    return grid.batches(samples)
