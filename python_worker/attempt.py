"""What a running attempt can say to the server, and what it can ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from .protocol import MAX_LOG_CHARS, Cancelled, Log, LogLevel, Progress, Stage
from .rpc import Request
from .strict_json import Json, to_json

MIN_SECONDS_BETWEEN_PROGRESS = 0.1

Notify = Callable[[str, object], None]


@dataclass(frozen=True)
class AttemptKey:
    """Which attempt of which task; stands in every message about it, so that a late one is known as such."""

    task_id: str
    attempt: int


class Attempt:
    """One attempt in progress.

    Its progress is thinned to ten messages a second; the last one of a stage is never lost.
    """

    def __init__(self, key: AttemptKey, request: Request, notify: Notify) -> None:
        self.key = key
        self._request = request
        self._notify = notify
        self._lock = threading.Lock()
        self._held_back: Progress | None = None
        self._last: Progress | None = None
        self._last_sent_at = float("-inf")
        self._ended = False

    def is_cancelled(self) -> bool:
        """Whether the caller has withdrawn it."""
        return self._request.is_cancelled()

    def raise_if_cancelled(self) -> None:
        """Raises Cancelled once the caller has withdrawn it."""
        if self.is_cancelled():
            raise Cancelled

    def progress(self, stage: Stage, done: int = 0, total: int = 0) -> None:
        """Report forward calls begun so far and expected in all; 0 of 0 outside `separating`."""
        message = Progress(self.key.task_id, self.key.attempt, stage, done, total)
        with self._lock:
            if self._last is not None and self._last.stage != stage:
                self._send_held_back()
            self._held_back = message
            is_new_stage = self._last is None or self._last.stage != stage
            self._last = message
            if is_new_stage or time.monotonic() - self._last_sent_at >= MIN_SECONDS_BETWEEN_PROGRESS:
                self._send_held_back()

    def flush(self) -> None:
        """Send what the thinning held back; the heartbeat does, so that nothing waits for a slow chunk."""
        with self._lock:
            self._send_held_back()

    def log(self, level: LogLevel, message: str) -> None:
        """Write a line to the server's log, as one about this attempt."""
        self._notify("log", Log(self.key.task_id, self.key.attempt, level, message[:MAX_LOG_CHARS]))

    def end(self) -> None:
        """Send the last progress; nothing of this attempt may follow its answer."""
        with self._lock:
            self._send_held_back()
            self._ended = True

    def _send_held_back(self) -> None:
        if self._held_back is None or self._ended:
            return
        self._notify("progress", self._held_back)
        self._held_back = None
        self._last_sent_at = time.monotonic()


def notifier(write: Callable[[dict[str, Json]], None]) -> Notify:
    """A function that sends a notification's dataclass through `write`."""

    def notify(method: str, message: object) -> None:
        write({"jsonrpc": "2.0", "method": method, "params": to_json(message)})

    return notify
