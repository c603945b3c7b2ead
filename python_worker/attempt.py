"""The link of a running attempt to the server: progress, log lines and cancellation."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from .process.rpc import Request
from .process.strict_json import Json, to_json
from .protocol import MAX_LOG_CHARS, Cancelled, Log, LogLevel, Progress, Stage

MIN_SECONDS_BETWEEN_PROGRESS = 0.1

Notify = Callable[[str, object], None]


@dataclass(frozen=True)
class AttemptKey:
    """Identifies an attempt of a task. Part of every message about it, so that late ones are recognised."""

    task_id: str
    attempt: int


class Attempt:
    """One attempt in progress.

    Progress is throttled to ten messages a second; the last one of each stage is always sent.
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
        """Whether the caller has cancelled it."""
        return self._request.is_cancelled()

    def raise_if_cancelled(self) -> None:
        """Raise Cancelled if the caller has cancelled the attempt."""
        if self.is_cancelled():
            raise Cancelled

    def progress(self, stage: Stage, done: int = 0, total: int = 0) -> None:
        """Report the forward calls begun and expected in total; 0 of 0 outside `separating`."""
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
        """Send throttled progress. Called by the heartbeat, so that it does not wait for a slow chunk."""
        with self._lock:
            self._send_held_back()

    def log(self, level: LogLevel, message: str) -> None:
        """Write a line about this attempt to the server's log."""
        self._notify("log", Log(self.key.task_id, self.key.attempt, level, message[:MAX_LOG_CHARS]))

    def end(self) -> None:
        """Send the last progress. Later progress is dropped: none may follow the attempt's answer."""
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
    """Return a function that sends a dataclass as a notification through `write`."""

    def notify(method: str, message: object) -> None:
        write({"jsonrpc": "2.0", "method": method, "params": to_json(message)})

    return notify
