"""Hooks into the network's forward calls: counts and times them, cancels, and checks the output."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ..protocol import Failure
from .msst.model_config import batches, is_mono, setting
from .pieces.piece_plan import grid_of


class ForwardMeter:
    """Counts the forward calls of one separation.

    Args:
        passes: how often MSST runs the whole mixture through the network (TTA and bigshifts).
        on_forward: called before each call with the calls begun and expected in total; may raise to cancel.

    Attributes:
        done: forward calls begun.
        total: forward calls expected in all passes.
        seconds: the time spent in them.
    """

    def __init__(self, passes: int, on_forward: Callable[[int, int], None]) -> None:
        self.done = 0
        self.total = 0
        self.seconds = 0.0
        self._passes = passes
        self._on_forward = on_forward
        self._began_at = 0.0
        self._batch_size: int | None = None
        self._takes_mono = False
        self._is_known = False

    @contextmanager
    def watching(self, network: torch.nn.Module, config: Any) -> Iterator[None]:
        """Hook into the network for the duration of the block."""
        self._batch_size = setting(config, "inference", "batch_size")
        self._takes_mono = is_mono(config)
        hooks = (
            network.register_forward_pre_hook(self._before),
            network.register_forward_hook(self._after),
        )
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def expect(self, config: Any, architecture: str, samples: int) -> None:
        """Compute the expected total from the YAML: available at once, and for passes without a bar too."""
        grid = grid_of(config, architecture)
        self.total = self._passes * (0 if grid is None else grid.batches(samples))

    def expect_calls(self, calls: int) -> None:
        """Set the exact total. Progress bars, which cover only one piece each, are then ignored."""
        self.total = calls
        self._is_known = True

    def finish(self) -> None:
        """Set the total to the calls done: no more will follow."""
        self.total = self.done

    def correct(self, samples: int, step: int) -> None:
        """Correct the total from MSST's progress bar: its total and first step, in samples.

        Upstream's bar advances by chunk, and past the first chunk before the network gets it, unless that is
        a batch by itself. A fork whose bar advances after the forward call does so by batch.
        """
        if self._batch_size and not self._is_known:
            self._is_known = True
            chunks_at_once = self._batch_size if self.done == 0 else 1
            self.total = self._passes * batches(samples, step, chunks_at_once)

    def _before(self, network: torch.nn.Module, inputs: Any) -> Any:
        self.done += 1
        self.total = max(self.total, self.done)
        self._on_forward(self.done, self.total)
        self._began_at = time.monotonic()
        # The msst package gives every network two channels, and keeps only the first of the output.
        if self._takes_mono and inputs[0].ndim == 3 and inputs[0].shape[1] == 2:
            return (inputs[0][:, :1], *inputs[1:])
        return None

    def _after(self, network: torch.nn.Module, inputs: Any, output: Any) -> None:
        # On a GPU this synchronizes, so that the measured time includes the computation.
        is_finite = not isinstance(output, torch.Tensor) or bool(torch.isfinite(output).all())
        self.seconds += time.monotonic() - self._began_at
        if not is_finite:
            # MSST would silently replace it with zeros.
            raise Failure(
                "SEPARATION_FAILED", "The output of the model has values that are not finite numbers."
            )
