"""Stems go to the writer as planned."""

from __future__ import annotations

from typing import Any, cast

import numpy

from python_worker.engine.stems.planned_stems import PlannedStems
from python_worker.engine.stems.stem_plan import StemPlan
from python_worker.engine.stems.stem_writer import StemWriter


class WriterOfLists:
    """Takes what a StemWriter would encode."""

    def __init__(self) -> None:
        self.written: list[tuple[str, list[float], int, int]] = []

    def append(self, instrument: str, audio: Any, sample_rate: int, *, of: int) -> None:
        self.written.append((instrument, [float(value) for value in audio], sample_rate, of))


def test_stems_are_written_as_planned_and_the_instrumental_is_the_mixture_without_one() -> None:
    writer = WriterOfLists()
    plan = StemPlan(("drums", "vocals"), "vocals", None)
    stems = PlannedStems(lambda: plan, cast(StemWriter, writer), 30, 44100)
    mixture = numpy.array([4.0, 6.0])
    stems.add("vocals", numpy.array([1.0, 2.0]), mixture)
    stems.add("bass", numpy.array([9.0, 9.0]), mixture)
    stems.add("drums", numpy.array([3.0, 3.0]), mixture)
    assert writer.written == [
        ("vocals", [1.0, 2.0], 44100, 30),
        ("instrumental", [3.0, 4.0], 44100, 30),
        ("drums", [3.0, 3.0], 44100, 30),
    ]


def test_a_stem_may_be_subtracted_without_being_written() -> None:
    writer = WriterOfLists()
    PlannedStems(lambda: StemPlan((), "vocals", None), cast(StemWriter, writer), 2, 8000).add(
        "vocals", numpy.array([1.0]), numpy.array([1.5])
    )
    assert writer.written == [("instrumental", [0.5], 8000, 2)]
