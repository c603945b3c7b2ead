"""What is told of sound that is missing."""

from __future__ import annotations

from python_worker.media.staging.holes import Holes


def test_nothing_is_told_of_a_file_that_lacks_no_more_than_its_padding() -> None:
    holes = Holes()
    assert holes.warnings(9.9375, 10.0, 0.0625) == []
    assert holes.warnings(9.75, 10.0, 0.0625) == ["0.25 s are missing at the end, at 9.75 s: damaged"]


def test_holes_beyond_what_was_counted_are_left_out_and_told() -> None:
    holes = Holes()
    holes.add(1.5, 0.5, is_filled=True)
    holes.add(9.0, 60.0, is_filled=False)
    for place in range(10):
        holes.add(20.0 + place, 0.25, is_filled=True)
    assert holes.warnings(100.0, 160.3, 0.1) == [
        "0.50 s are missing at 1.50 s: damaged, replaced by silence",
        "60.00 s are missing at 9.00 s: damaged, not replaced",
        *(f"0.25 s are missing at {20 + place}.00 s: damaged, replaced by silence" for place in range(3)),
        "1.75 s are missing at 7 more places: damaged",
        "0.30 s are missing at the end, at 100.00 s: damaged",
    ]
