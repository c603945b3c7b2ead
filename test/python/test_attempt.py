"""What an attempt tells the server."""

from __future__ import annotations

import time
from typing import Any

from python_worker.attempt import Attempt, AttemptKey
from python_worker.process.rpc import Request
from python_worker.protocol import Progress


def progress_of(said: list[tuple[str, Any]]) -> list[Progress]:
    return [message for method, message in said if method == "progress"]


def test_progress_is_thinned_but_the_last_of_a_stage_is_never_lost() -> None:
    said: list[tuple[str, Any]] = []
    attempt = Attempt(
        AttemptKey("t", 1),
        Request(1, "separate", None),
        lambda method, message: said.append((method, message)),
    )
    started = time.monotonic()
    for done in range(1, 5001):
        attempt.progress("separating", done, 5000)
    attempt.progress("encoding")
    seconds = time.monotonic() - started
    attempt.progress("encoding", 0, 0)
    attempt.end()
    attempt.progress("encoding", 0, 0)
    separating = [message.done for message in progress_of(said) if message.stage == "separating"]
    assert separating[-1] == 5000
    assert len(separating) <= 2 + 10 * seconds
    assert len(progress_of(said)) == len(separating) + 2, "nothing follows the end"
