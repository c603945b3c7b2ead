"""The stages of an attempt, and the time that each takes."""

from __future__ import annotations

import time

from ..attempt import Attempt
from ..protocol import Stage, StageSeconds


class Stages:
    """Tracks the stage of an attempt and sums the time spent in each.

    When an attempt retries after running out of memory, it goes through its stages again; progress is not
    reported for a stage before the furthest one reached.
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
        """Enter a stage. Raises Cancelled if the attempt has been cancelled."""
        self._attempt.raise_if_cancelled()
        self._close()
        self.current = stage
        order = list(self._seconds)
        if order.index(stage) >= order.index(self._furthest):
            self._furthest = stage
            self._attempt.progress(stage, done, total)

    def finish(self) -> StageSeconds:
        """Stop the clock. Returns the seconds that each stage took."""
        self._close()
        return StageSeconds(**self._seconds)

    def _close(self) -> None:
        now = time.monotonic()
        self._seconds[self.current] += now - self._since
        self._since = now
