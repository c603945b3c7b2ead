"""What is tried next when memory ran out, and what the owner is told at last."""

from __future__ import annotations

import dataclasses

import pytest
from separate_params import PARAMS, wanting

from python_worker.engine.memory.memory_ladder import MemoryLadder, Shortage, give_up
from python_worker.protocol import Failure, Stage

RAN_OUT = Failure("OUT_OF_MEMORY", "CUDA out of memory", "where")


def shortage(stage: Stage = "separating", batch_size: int | None = 4) -> Shortage:
    return Shortage(RAN_OUT, stage, batch_size)


def test_other_models_leave_the_memory_once_in_an_attempt() -> None:
    ladder = MemoryLadder(PARAMS)
    assert ladder.may_evict(shortage("loading_model", None))
    assert not ladder.may_evict(shortage())


def test_what_could_not_be_encoded_is_not_computed_again() -> None:
    ladder = MemoryLadder(PARAMS)
    assert not ladder.may_evict(shortage("encoding"))
    assert not ladder.halve(shortage("encoding"))
    assert ladder.may_evict(shortage()), "and the chance to evict is not used up by that"


def test_a_batch_is_halved_down_to_one_and_the_owner_is_told_of_the_first_and_the_last() -> None:
    ladder = MemoryLadder(PARAMS)
    assert ladder.warnings == []
    sizes = []
    size: int | None = 5
    while ladder.halve(shortage(batch_size=size)):
        size = ladder.params.options.batch_size
        sizes.append(size)
    assert sizes == [2, 1]
    assert ladder.warnings == ["batch_size was halved to 1, from 5, because memory ran out"]
    assert ladder.params == dataclasses.replace(PARAMS, options=wanting(batch_size=1))


@pytest.mark.parametrize(
    "short", [shortage("loading_model"), shortage("decoding"), shortage(batch_size=None)]
)
def test_no_batch_is_halved_where_that_cannot_help(short: Shortage) -> None:
    ladder = MemoryLadder(PARAMS)
    assert not ladder.halve(short)
    assert ladder.params is PARAMS
    assert ladder.warnings == []


@pytest.mark.parametrize(
    ("short", "sentence"),
    [
        (
            shortage("loading_model", None),
            "Memory ran out while loading the model; use a smaller model, or another device.",
        ),
        (
            shortage(batch_size=1),
            "Memory ran out while separating, even with a batch_size of 1; "
            "use a shorter file, a lower bigshifts, or another device.",
        ),
        (
            shortage(batch_size=2),
            "Memory ran out while separating; use a smaller batch_size, a shorter file, or another device.",
        ),
        (
            shortage("decoding", None),
            "Memory ran out while separating; use a smaller batch_size, a shorter file, or another device.",
        ),
        (
            shortage("encoding", 1),
            "Memory ran out while encoding; use a smaller batch_size, a shorter file, or another device.",
        ),
    ],
)
def test_who_can_do_nothing_more_says_what_the_owner_can_do(short: Shortage, sentence: str) -> None:
    failure = give_up(short)
    assert (failure.kind, failure.message, failure.traceback) == ("OUT_OF_MEMORY", sentence, "where")
