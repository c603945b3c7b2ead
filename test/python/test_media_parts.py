"""The parts of the media child, byte by byte: what a header says, and where the next one is found."""

from __future__ import annotations

from python_worker.media.holes import Holes


def test_nothing_is_told_of_a_file_that_lacks_no_more_than_its_padding() -> None:
    holes = Holes()
    assert holes.warnings(9.9, 10.0, 0.1) == []
    assert holes.warnings(9.8, 10.0, 0.1) == ["0.20 s are missing at the end, at 9.80 s: damaged"]
