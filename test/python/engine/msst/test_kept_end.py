"""What a checkout says while it is asked for its options is kept by its end."""

from __future__ import annotations

import argparse
import sys
import tracemalloc

import pytest

from python_worker.engine.msst.kept_end import MOST_CHARACTERS, KeptEnd
from python_worker.engine.msst.msst_options import MsstOptions, OptionsRefused

FLOOD_BYTES = 64_000_000


def test_of_many_pieces_and_of_a_long_one_the_end_is_kept() -> None:
    kept = KeptEnd()
    for piece in ["a" * 7_000, "b" * 7_000]:
        assert kept.write(piece) == len(piece)
    assert kept.end() == "a" * (MOST_CHARACTERS - 7_000) + "b" * 7_000
    kept.write("c" * 100_000 + "d")
    assert kept.end() == "c" * (MOST_CHARACTERS - 1) + "d"


class Talkative(argparse.ArgumentParser):
    """Prints without end before it refuses."""

    def error(self, message: str) -> None:  # type: ignore[override]
        for _ in range(FLOOD_BYTES // 1_000_000):
            sys.stderr.write("x" * 1_000_000)
        super().error(message)


def test_a_parser_that_floods_stderr_takes_no_memory_and_its_reason_is_told() -> None:
    parser = Talkative(prog="inference.py")
    parser.add_argument("--overlap", type=int)
    options = MsstOptions(parser, {"overlap": 1}, as_list=False)
    tracemalloc.start()
    try:
        with pytest.raises(OptionsRefused, match=r"^argument --overlap: invalid int value: 'many'$"):
            options.parsed(["--overlap=many"])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < FLOOD_BYTES / 8
