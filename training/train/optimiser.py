"""What turns gradients into steps."""

from __future__ import annotations

from typing import Any

import torch

from training.command import CommandError

# Gains and shifts learn this much slower than kernels.
SLOWER = 4


class Optimiser:
    """Muon for a network's kernels and matrices, AdamW for its gains and shifts.

    Muon makes the step of a matrix orthogonal, so that every direction in it learns, not only those with
    the largest gradients (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/). PyTorch's takes
    matrices only: a kernel is given to it as one row for each channel that comes first in its shape.

    The root mean square of a matrix's step is a fifth of the rate, as it is with AdamW (Liu et al. 2025,
    https://arxiv.org/abs/2502.16982).
    """

    def __init__(self, network: torch.nn.Module) -> None:
        """Args:
            network: on the device where it learns.

        Raises:
            CommandError: PyTorch is older than 2.9 and has no Muon.
        """
        if not hasattr(torch.optim, "Muon"):
            raise CommandError(f"Training needs PyTorch 2.9 or later; here is {torch.__version__}.")
        parameters = list(network.parameters())
        self._kernels = [parameter for parameter in parameters if parameter.ndim > 1]
        self._matrices = [torch.nn.Parameter(kernel.detach().flatten(1).clone()) for kernel in self._kernels]
        self._muon = torch.optim.Muon(self._matrices, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
        others = [parameter for parameter in parameters if parameter.ndim <= 1]
        self._adamw = torch.optim.AdamW(others, weight_decay=1e-3)

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move the weights along the gradients that they hold.

        Args:
            rate: Muon's learning rate.
        """
        for kernel, matrix in zip(self._kernels, self._matrices, strict=True):
            # The weights may have been loaded since.
            matrix.copy_(kernel.flatten(1))
            matrix.grad = None if kernel.grad is None else kernel.grad.flatten(1)
        for part, its_rate in ((self._muon, rate), (self._adamw, rate / SLOWER)):
            for group in part.param_groups:
                group["lr"] = its_rate
            part.step()
        for kernel, matrix in zip(self._kernels, self._matrices, strict=True):
            kernel.copy_(matrix.view_as(kernel))

    def state_dict(self) -> dict[str, Any]:
        """What it remembers of the steps so far."""
        return {"muon": self._muon.state_dict(), "adamw": self._adamw.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with what `state_dict` gave."""
        self._muon.load_state_dict(state["muon"])
        self._adamw.load_state_dict(state["adamw"])
