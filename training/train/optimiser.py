"""What turns gradients into steps."""

from __future__ import annotations

from typing import Any

import torch

from training.train.muon import Muon

# Gains and shifts learn this much slower than kernels.
SLOWER = 4


class Optimiser:
    """Muon for a network's kernels and matrices, AdamW for its gains and shifts."""

    def __init__(self, network: torch.nn.Module) -> None:
        """One that has not moved anything yet.

        Args:
            network: on the device where it learns.
        """
        parameters = list(network.parameters())
        self._muon = Muon(parameter for parameter in parameters if parameter.ndim > 1)
        others = [parameter for parameter in parameters if parameter.ndim <= 1]
        self._adamw = torch.optim.AdamW(others, weight_decay=1e-3)

    def step(self, rate: float) -> None:
        """Move the weights along the gradients that they hold.

        Args:
            rate: Muon's learning rate.
        """
        for part, its_rate in ((self._muon, rate), (self._adamw, rate / SLOWER)):
            for group in part.param_groups:
                group["lr"] = its_rate
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """What it remembers of the steps so far."""
        return {"muon": self._muon.state_dict(), "adamw": self._adamw.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with what `state_dict` gave."""
        self._muon.load_state_dict(state["muon"])
        self._adamw.load_state_dict(state["adamw"])
