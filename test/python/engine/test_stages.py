"""The stages of an attempt, and the seconds that each takes."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import pytest

from python_worker.attempt import Attempt, AttemptKey
from python_worker.engine import stages
from python_worker.process.rpc import Request
from python_worker.protocol import Cancelled, Stage


class Clock:
    """Stands for the module `time`."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    shown = Clock()
    monkeypatch.setattr(stages, "time", shown)
    return shown


def attempt_telling(said: list[tuple[str, Any]], request: Request | None = None) -> Attempt:
    return Attempt(
        AttemptKey("t", 1), request or Request(1, "separate", None), lambda *message: said.append(message)
    )


def test_the_seconds_of_stages_that_are_gone_through_again_add_up(clock: Clock) -> None:
    said: list[tuple[str, Any]] = []
    attempt = attempt_telling(said)
    on_the_way = stages.Stages(attempt)
    assert on_the_way.current == "loading_model"
    for stage, seconds in (("decoding", 1), ("separating", 2), ("loading_model", 4), ("separating", 8)):
        clock.now += seconds
        on_the_way.enter(cast(Stage, stage), 3, 7)
        assert on_the_way.current == stage
    clock.now += 16
    on_the_way.enter("encoding")
    clock.now += 32
    seconds_of = on_the_way.finish()
    assert dataclasses.asdict(seconds_of) == {
        "loading_model": 9.0,
        "decoding": 2.0,
        "separating": 20.0,
        "encoding": 32.0,
    }
    attempt.end()
    told = [(message.stage, message.done, message.total) for _, message in said]
    assert told == [
        ("decoding", 3, 7),
        ("separating", 3, 7),
        ("separating", 3, 7),
        ("encoding", 0, 0),
    ], "a stage before the furthest is not told"


def test_a_cancelled_attempt_enters_no_further_stage(clock: Clock) -> None:
    said: list[tuple[str, Any]] = []
    request = Request(1, "separate", None)
    on_the_way = stages.Stages(attempt_telling(said, request))
    request.cancelled.set()
    with pytest.raises(Cancelled):
        on_the_way.enter("decoding")
    assert on_the_way.current == "loading_model"
    assert said == []
