"""Muon, which makes the step of a matrix orthogonal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import torch

# Of the polynomial that brings every singular value near 1 when applied `ROUNDS` times (Jordan et al.).
FIRST, THIRD, FIFTH = 3.4445, -4.7750, 2.0315
ROUNDS = 5
MOMENTUM = 0.95
DECAY = 0.01


class Muon(torch.optim.Optimizer):
    """Every direction in a matrix learns, not only those with the largest gradients.

    Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/. The root mean square of a step is a
    fifth of the rate, as it is with AdamW (Liu et al. 2025, https://arxiv.org/abs/2502.16982).

    What PyTorch has (`torch.optim.Muon`) is the same for one matrix after another. A network of many small
    ones keeps a GPU waiting so: where this took 43 ms for 178 kernels, that took 145 (training/README.md).
    Here those of one shape are one batch.

    Args:
        kernels: of two dimensions or more; one row for each channel that comes first in its shape.
    """

    def __init__(self, kernels: Iterable[torch.nn.Parameter]) -> None:
        super().__init__(kernels, {"lr": 0.0})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """Move the kernels that hold gradients, by `lr` of their group."""
        for group in self.param_groups:
            for kernels in alike(group["params"]):
                torch._foreach_mul_(kernels, 1 - group["lr"] * DECAY)
                torch._foreach_add_(kernels, self._directions(kernels), alpha=-group["lr"])

    def _directions(self, kernels: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Where kernels of one shape go at a rate of 1."""
        gradients = [kernel.grad for kernel in kernels]
        momenta = [self._momentum(kernel) for kernel in kernels]
        torch._foreach_lerp_(momenta, gradients, 1 - MOMENTUM)
        ahead = torch._foreach_lerp(gradients, momenta, MOMENTUM)
        matrices = orthogonal(torch.stack([matrix.flatten(1) for matrix in ahead]))
        scale = 0.2 * max(matrices.shape[1:]) ** 0.5
        return [(scale * matrix).view_as(kernel) for matrix, kernel in zip(matrices, kernels, strict=True)]

    def _momentum(self, kernel: torch.Tensor) -> torch.Tensor:
        """The running mean of its gradients."""
        state = self.state[kernel]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(kernel)
        return state["momentum"]


def alike(kernels: Iterable[torch.Tensor]) -> list[list[torch.Tensor]]:
    """The kernels that hold gradients, those of one shape together."""
    found: dict[torch.Size, list[torch.Tensor]] = defaultdict(list)
    for kernel in kernels:
        if kernel.grad is not None:
            found[kernel.shape].append(kernel)
    return list(found.values())


def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """The orthogonal matrices nearest to these, roughly: their singular values are 0.7 to 1.2.

    Args:
        matrices: float32 (count, rows, columns).

    Returns:
        float32 of the same shape, by Newton and Schulz's iteration in bfloat16.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.mT if tall else matrices).bfloat16()
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(ROUNDS):
        squared = x @ x.mT
        x = FIRST * x + (THIRD * squared + FIFTH * squared @ squared) @ x
    return (x.mT if tall else x).float()
