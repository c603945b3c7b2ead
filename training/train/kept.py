"""Stems of which a network keeps what it hears already, while it learns another."""

from __future__ import annotations

import copy

import torch

# How much a departure counts. A small one costs about 1.7 times its square beside an error that is there
# already (that of others, a third of their level); three times as much holds it.
HOLD = 5.0


class Kept:
    """A network as it was, and the stems in which the one that learns is to stay near it.

    What is to be learnt of one stem may not be right for another: a network that hears more of the basses in
    songs made by rule takes others for one in songs made otherwise (training/runs.md, 14 and 15). So the
    network as it was says what those stems are, not the truth (Li and Hoiem, "Learning without forgetting",
    ECCV 2016). In the one long run it was tried in it did not keep enough (17).

    Attributes:
        network: as it was.
    """

    def __init__(self, network: torch.nn.Module, stems: list[int]) -> None:
        """Keep a copy.

        Args:
            network: that is about to learn.
            stems: the places of those to keep among its stems.
        """
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._stems = stems

    def errors_instead(
        self, errors: torch.Tensor, estimate: torch.Tensor, before: torch.Tensor, mixture: torch.Tensor
    ) -> torch.Tensor:
        """The errors to learn from: those of the kept stems tell how far they went from what they were.

        Args:
            errors: (batch, stems), how far each stem is from the truth (`relative_errors`).
            estimate: (batch, stems, channels, samples).
            before: of the same shape, by the network as it was.
            mixture: (batch, channels, samples).

        Returns:
            (batch, stems): `errors`, but of the kept stems the mean square departure over the mixture's
            power, times `HOLD`. Unlike its root it asks next to nothing while little changes.
        """
        power = mixture.square().mean((1, 2)) + 1e-6
        departures = (estimate - before).square().mean((2, 3)) / power[:, None]
        kept = torch.zeros(errors.shape[1], dtype=torch.bool, device=errors.device)
        kept[self._stems] = True
        return torch.where(kept, HOLD * departures, errors)
