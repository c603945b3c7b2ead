"""The weights of an MDX23C for one of finer frequencies."""

from __future__ import annotations

from collections.abc import Mapping

import torch

FIRST = "first_conv.weight"
MIXED = "final_conv.0.weight"
LAST = "final_conv.2.weight"
# How far apart what two new bands make of the spectrum is, of what the old one made of it.
APART = 0.3


def in_finer_frequencies(
    weights: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]
) -> Mapping[str, torch.Tensor]:
    """Let a network that hears a short window begin to learn with one twice as long, or longer.

    Where `n_fft`, `dim_f` and `num_subbands` of an MDX23C all grow by one factor, its insides keep their
    sizes: each band of the spectrum becomes as many narrower ones, each as high in rows. What it knows
    (how a tone, a beat or noise looks, which rows go together) stays of use, but it does not separate until
    it has learnt for a while: a row is another frequency than before.

    Args:
        weights: of the coarser network, by the names MSST gives them.
        wanted: of the finer one; only their shapes count.

    Returns:
        Weights for the finer one; `weights` as they are, where these are no two such networks.

    Example:
        From `n_fft: 2048`, `dim_f: 1024`, `num_subbands: 4` to 4096, 2048 and 8: the factor is 2.
    """
    factor = factor_between(weights, wanted)
    if factor == 1:
        return weights
    # The same chance at each call: equal checkpoints give equal runs.
    chance = torch.Generator().manual_seed(0)

    def split(channels: torch.Tensor, dim: int) -> torch.Tensor:
        """Each band's channel as `factor` channels, a little apart, lest they learn the same for ever."""
        copies = channels.float().repeat_interleave(factor, dim)
        return copies * (1 + APART * torch.randn(copies.shape, generator=chance))

    finer = {}
    for name, value in weights.items():
        if name == FIRST:
            finer[name] = split(value, 1) / factor**0.5
        elif name == MIXED:
            bands = value.shape[1] - weights[FIRST].shape[0]
            mixture = split(value[:, :bands], 1) / factor**0.5
            finer[name] = torch.cat([mixture, value[:, bands:].float()], 1)
        elif name == LAST:
            finer[name] = split(value, 0)
        elif ".tdf." in name and value.ndim == 2:
            finer[name] = lowest_rows(value, factor)
        else:
            finer[name] = value
    return finer


def factor_between(weights: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]) -> int:
    """How many bands the finer network has for each of the coarser; 1 where that is no whole number."""
    if not all(name in weights and name in wanted for name in (FIRST, MIXED, LAST)):
        return 1
    had, has = (bands.shape[1] if bands.ndim == 4 else 0 for bands in (weights[FIRST], wanted[FIRST]))
    return has // had if had and has % had == 0 else 1


def lowest_rows(matrix: torch.Tensor, factor: int) -> torch.Tensor:
    """The matrix of a layer over all rows of a band, for its lowest part spread over all rows.

    Music lies low: what it knew of the lowest band's rows is what it knows of the frequencies there now.
    """
    down = matrix.shape[1] > matrix.shape[0]
    rows = torch.arange(max(matrix.shape)) // factor
    return matrix[:, rows] / factor if down else matrix[rows]
