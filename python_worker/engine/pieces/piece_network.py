"""Skips redundant forward calls for a mixture in pieces: shared batches and those that no piece keeps."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from .piece_plan import Grid, Piece


class PieceNetwork:
    """Wraps a network's forward while MSST processes the pieces of a mixture one after the other.

    Every forward call of the whole mixture is made once, with the same data. All others are answered with
    zeros, or with the output for the previous piece.

    Args:
        grid: the model's chunks and batches.
        pieces: the pieces in order.
    """

    def __init__(self, grid: Grid, pieces: list[Piece]) -> None:
        self._grid = grid
        self._pieces = pieces
        self._current = -1
        self._calls = 0
        self._calls_per_pass = 0
        self._shared: dict[tuple[int, int], tuple[Any, Any]] = {}
        self._output_shape: torch.Size | None = None

    def begin(self, index: int) -> None:
        """Announce that the next forward calls are for this piece."""
        piece = self._pieces[index]
        self._current, self._calls = index, 0
        if index == 0:
            # A new rotation of the mixture begins.
            self._shared.clear()
        self._calls_per_pass = self._grid.batches(piece.stop - piece.start)

    @contextmanager
    def before(self, network: torch.nn.Module) -> Iterator[None]:
        """Wrap this network's forward for the duration of the block."""
        forward = network.forward

        # wraps: MSST reads the names of forward's parameters.
        @functools.wraps(forward)
        def answer(batch: Any, *arguments: Any, **options: Any) -> Any:
            return self._answer(forward, batch, *arguments, **options)

        network.forward = answer
        try:
            yield
        finally:
            # Uncovers the class's forward again.
            del network.forward

    def _answer(self, forward: Any, batch: Any, *arguments: Any, **options: Any) -> Any:
        piece = self._pieces[self._current]
        of_pass, in_pass = divmod(self._calls, self._calls_per_pass)
        number = piece.first_batch + in_pass
        self._calls += 1
        if number not in piece.needed:
            return self._nothing(forward, batch, *arguments, **options)
        known = self._shared.pop((of_pass, number), None) if number in piece.clean else None
        if known is not None and torch.equal(known[0], batch):
            return known[1]
        output = forward(batch, *arguments, **options)
        self._output_shape = output.shape
        if self._is_shared(piece, number):
            # The output is kept on the CPU to save device memory.
            self._shared[(of_pass, number)] = (batch.clone(), output.cpu())
        return output

    def _is_shared(self, piece: Piece, number: int) -> bool:
        if number not in piece.clean or self._current + 1 >= len(self._pieces):
            return False
        following = self._pieces[self._current + 1]
        return number in following.needed and number in following.clean

    def _nothing(self, forward: Any, batch: Any, *arguments: Any, **options: Any) -> Any:
        # The output's shape is unknown before the first real call.
        if self._output_shape is None:
            return forward(batch, *arguments, **options)
        return torch.zeros((batch.shape[0], *self._output_shape[1:]))
