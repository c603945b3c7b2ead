"""Whether a mixture is separated in pieces."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any, cast

import pytest
from model_yaml import small_yaml, yaml_of
from separate_params import PARAMS, wanting

from python_worker.engine.msst.msst import Msst
from python_worker.engine.pieces.cut import plan_cut, require_whole
from python_worker.engine.pieces.piece_plan import Grid, plan_pieces
from python_worker.protocol import Failure


def msst_with(**names: Any) -> Msst:
    return cast(Msst, SimpleNamespace(namespace=names))


def test_a_long_mixture_is_cut_at_the_rate_and_the_grid_of_its_model() -> None:
    cut = plan_cut(msst_with(), small_yaml(), PARAMS, 3)
    assert cut is not None
    assert (cut.grid, cut.sample_rate, cut.piece_samples) == (Grid(1000, 250, 2, 750, True), 8000, 80_000)
    assert (cut.rotations, cut.normalizes) == (3, False)
    assert cut.pieces(480_000) == plan_pieces(cut.grid, 480_000, 80_000)
    assert len(cut.pieces(480_000)) == 7


def test_a_yaml_without_a_rate_means_that_of_msst() -> None:
    config = yaml_of(audio={"chunk_size": 1000}, inference={"num_overlap": 4, "batch_size": 2})
    cut = plan_cut(msst_with(), config, PARAMS, 1)
    assert cut is not None and (cut.sample_rate, cut.piece_samples) == (44100, 441_000)


@pytest.mark.parametrize(
    ("msst", "config", "changes", "bigshifts"),
    [
        (msst_with(), small_yaml(), {"piece_seconds": None}, 1),
        (msst_with(), small_yaml(num_overlap=None), {}, 1),
        (msst_with(), small_yaml(), {"duration_seconds": 9.0}, 1),
        (msst_with(), small_yaml(normalize=True), {}, 1),
        (msst_with(), small_yaml(), {"options": wanting(use_tta=True)}, 2),
        (msst_with(apply_tta=lambda mixture: None), small_yaml(), {"options": wanting(use_tta=True)}, 2),
        (msst_with(apply_tta="no function"), small_yaml(), {"options": wanting(use_tta=True)}, 2),
    ],
    ids=["not wanted", "no grid", "short", "not normalized", "no tta", "tta without rotations", "odd tta"],
)
def test_a_mixture_stays_whole_where_pieces_would_not_give_the_same(
    msst: Msst, config: Any, changes: dict[str, Any], bigshifts: int
) -> None:
    assert plan_cut(msst, config, dataclasses.replace(PARAMS, **changes), bigshifts) is None


@pytest.mark.parametrize(
    ("msst", "config", "use_tta", "bigshifts", "normalizes"),
    [
        (msst_with(normalize_audio=print), small_yaml(normalize=True), False, 1, True),
        (msst_with(apply_tta=lambda mixture, bigshifts: None), small_yaml(), True, 2, False),
        (msst_with(), small_yaml(), True, 1, False),
        (msst_with(), small_yaml(), False, 2, False),
    ],
)
def test_a_mixture_is_cut_where_this_msst_can_do_it(
    msst: Msst, config: Any, use_tta: bool, bigshifts: int, normalizes: bool
) -> None:
    params = dataclasses.replace(PARAMS, options=wanting(use_tta=use_tta))
    cut = plan_cut(msst, config, params, bigshifts)
    assert cut is not None and (cut.normalizes, cut.rotations) == (normalizes, bigshifts)


def test_what_fits_the_host_may_go_through_whole_and_what_does_not_is_refused() -> None:
    require_whole(dataclasses.replace(PARAMS, piece_seconds=None))
    require_whole(dataclasses.replace(PARAMS, whole_fits=True))
    with pytest.raises(Failure) as refused:
        require_whole(PARAMS)
    assert refused.value.kind == "SEPARATION_FAILED"
    assert refused.value.message == (
        "The mixture is too long for the memory of this host, and starter cannot separate it in "
        "pieces. Split the song, or use another model."
    )
