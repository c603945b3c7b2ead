"""How far an estimate is from the truth."""

from __future__ import annotations

import torch


def relative_errors(estimate: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Root mean square error of each stem over the mixture's, so that quiet music counts too.

    It is what SDR measures, without its logarithm. The mean absolute error, which is common, asks for the
    median of what a stem could be, and where a sound may well belong to either of two stems that is silence.

    Args:
        estimate: (batch, stems, channels, samples).
        targets: of the same shape.

    Returns:
        (batch, stems); 1 for a stem that is as wrong as the mixture is loud.
    """
    # The small numbers keep the gradient finite: of a stem that is right to the sample, and of silence.
    error = ((estimate - targets).square().mean((2, 3)) + 1e-9).sqrt()
    level = targets.sum(1).square().mean((1, 2)).sqrt() + 1e-3
    return error / level[:, None]
