"""Counting the network's forward calls: progress, time, cancelling, and a look at what comes out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ..protocol import Failure
from .model_config import batches, is_mono, setting
from .segment_plan import grid_of


class ForwardMeter:
    """Watches one separation's network.

    Args:
        passes: how often MSST runs the whole mixture through it (TTA and bigshifts).
        on_forward: called with the calls begun so far and expected in all, before each; may raise to cancel.

    Attributes:
        done: forward calls begun.
        total: forward calls expected in all passes.
        seconds: spent inside them.
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
        """Hook into the network for as long as the block runs."""
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
        """Reckon the total from the YAML: right at once, also for passes that draw no bar."""
        grid = grid_of(config, architecture)
        self.total = self._passes * (0 if grid is None else grid.batches(samples))

    def expect_calls(self, calls: int) -> None:
        """Know the total: no bar knows better, for each is of a piece only."""
        self.total = calls
        self._is_known = True

    def finish(self) -> None:
        """No forward call follows: what was done is all there was."""
        self.total = self.done

    def correct(self, samples: int, step: int) -> None:
        """Know better from a bar what MSST really steps through: so many samples, the first step so wide.

        Upstream steps from chunk to chunk, and over the first before the network has it, unless that is a
        batch by itself; a fork that steps when the network is done does so from batch to batch.
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
        # The msst package feeds every network two channels, and keeps only the first of what comes back.
        if self._takes_mono and inputs[0].ndim == 3 and inputs[0].shape[1] == 2:
            return (inputs[0][:, :1], *inputs[1:])
        return None

    def _after(self, network: torch.nn.Module, inputs: Any, output: Any) -> None:
        # On a GPU this waits for the result, so that the time measured is the work's own.
        is_finite = not isinstance(output, torch.Tensor) or bool(torch.isfinite(output).all())
        self.seconds += time.monotonic() - self._began_at
        if not is_finite:
            # MSST would make silence of it without a word.
            raise Failure("SEPARATION_FAILED", "The model put out values that are not finite numbers.")
