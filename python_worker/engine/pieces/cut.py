"""Decides whether a mixture goes through MSST in pieces, and how it is cut."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from ...protocol import Failure, SeparateParams
from ..msst.model_config import setting
from ..msst.msst import Msst
from .piece_plan import Grid, Piece, grid_of, plan_pieces

NORMALIZE = "normalize_audio"
"""MSST's function for `inference.normalize`, which needs the whole mixture."""
# MSST's default if the YAML does not say.
DEFAULT_SAMPLE_RATE = 44100


@dataclass(frozen=True)
class Cut:
    """How one mixture is cut.

    Attributes:
        grid: the model's chunks and batches.
        sample_rate: the rate that MSST resamples to.
        piece_samples: the maximum length of a piece.
        rotations: the number of rotations of the mixture (`bigshifts`), each cut separately.
        normalizes: whether MSST normalizes by the mean and standard deviation of the whole mixture.
    """

    grid: Grid
    sample_rate: int
    piece_samples: int
    rotations: int
    normalizes: bool

    def pieces(self, samples: int) -> list[Piece]:
        """The pieces of a mixture of this length in samples."""
        return plan_pieces(self.grid, samples, self.piece_samples)


def plan_cut(msst: Msst, config: Any, params: SeparateParams, bigshifts: int) -> Cut | None:
    """Plan the cut from the server's request, the model's YAML and the abilities of this MSST.

    Args:
        config: the YAML as MSST has read it.
        bigshifts: the number of rotations that MSST would make.

    Returns:
        None if the mixture goes through MSST as a whole.
    """
    grid = grid_of(config, params.model.architecture)
    if params.piece_seconds is None or grid is None:
        return None
    normalizes = bool(setting(config, "inference", "normalize"))
    if normalizes and NORMALIZE not in msst.namespace:
        return None
    # If apply_tta has no bigshifts, MSST does not rotate the TTA passes, and averaging would differ.
    if bigshifts > 1 and params.options.use_tta and not _takes(msst.namespace.get("apply_tta"), "bigshifts"):
        return None
    rate = int(setting(config, "audio", "sample_rate") or DEFAULT_SAMPLE_RATE)
    cut = Cut(grid, rate, round(params.piece_seconds * rate), bigshifts, normalizes)
    return cut if len(cut.pieces(round(params.duration_seconds * rate))) > 1 else None


def require_whole(params: SeparateParams) -> None:
    """Check that the mixture may go through MSST as a whole.

    Raises:
        Failure: the host has no memory for the whole, and the server had planned for pieces.
    """
    if params.piece_seconds is None or params.whole_fits:
        return
    raise Failure(
        "SEPARATION_FAILED",
        f"The mixture is too long for the memory of this host, and {params.model.name} cannot separate it in "
        "pieces. Split the song, or use another model.",
    )


def _takes(function: Any, name: str) -> bool:
    return callable(function) and name in inspect.signature(function).parameters
