"""How far an estimate is from the truth."""

from __future__ import annotations

import torch


def relative_error(estimate: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean absolute error over the mixture's mean absolute level, so that quiet music counts as much as loud.

    Args:
        estimate: (batch, stems, channels, samples).
        targets: of the same shape.

    Returns:
        The mean over the batch; 1 when every stem is as wrong as the mixture is loud.
    """
    level = targets.sum(1).abs().mean((1, 2)) + 1e-3
    return ((estimate - targets).abs().mean((1, 2, 3)) / level).mean()
