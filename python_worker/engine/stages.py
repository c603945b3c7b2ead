"""The stages an attempt goes through, and the time each takes."""

from __future__ import annotations

import time

from ..attempt import Attempt
from ..protocol import Stage, StageSeconds


class Stages:
    """Says where an attempt is, and adds up how long it was there.

    An attempt that is tried again within itself goes through its stages again; nobody is told of one that
    lies before the furthest it has come to.
    """

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._seconds: dict[Stage, float] = {
            "loading_model": 0.0,
            "decoding": 0.0,
            "separating": 0.0,
            "encoding": 0.0,
        }
        self.current: Stage = "loading_model"
        self._furthest: Stage = "loading_model"
        self._since = time.monotonic()

    def enter(self, stage: Stage, done: int = 0, total: int = 0) -> None:
        """The attempt is at this stage from now on. Cancelled between two stages, it goes no further."""
        self._attempt.raise_if_cancelled()
        self._close()
        self.current = stage
        order = list(self._seconds)
        if order.index(stage) >= order.index(self._furthest):
            self._furthest = stage
            self._attempt.progress(stage, done, total)

    def finish(self) -> StageSeconds:
        """The seconds each stage took."""
        self._close()
        return StageSeconds(**self._seconds)

    def _close(self) -> None:
        now = time.monotonic()
        self._seconds[self.current] += now - self._since
        self._since = now
