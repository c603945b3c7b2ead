"""A file is read part by part."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

import pytest

from python_worker.media.formats.windows import BLOCK_BYTES, Region, Window, size_of
from python_worker.media.limits import Deadline
from python_worker.protocol import Failure

Opening = Callable[[bytes], BinaryIO]


def test_a_part_of_a_file_is_read_as_if_nothing_stood_around_it(file_of: Opening) -> None:
    part = Region(file_of(b"0123456789"), 2, 5)
    assert part.tell() == 0
    assert [part.read(3), part.read(9), part.read(1)] == [b"234", b"56", b""]
    assert (part.seek(1), part.tell(), part.read(2)) == (1, 1, b"34")
    assert (part.seek(-2, 1), part.read(1)) == (1, b"3")
    assert (part.seek(-1, 2), part.read(4)) == (4, b"6")
    assert (part.seek(-9, 1), part.read(1)) == (0, b"2")
    assert (part.seek(9), part.read(1)) == (9, b"")


def test_a_window_moves_on_through_a_file(file_of: Opening) -> None:
    content = bytes(range(256)) * 8192
    file = file_of(content)
    window = Window(file, 10, Deadline())
    assert (window.base, window.size, window.ended, size_of(file)) == (10, len(content), False, len(content))
    assert window.data == content[10 : 10 + BLOCK_BYTES]
    window.move_to(BLOCK_BYTES - 6)
    assert window.base == BLOCK_BYTES + 4
    assert window.data == content[BLOCK_BYTES + 4 :]
    assert window.ended
    window.move_to(len(content))
    assert (window.data, window.ended) == (b"", True)


def test_a_window_is_not_moved_past_the_deadline(file_of: Opening) -> None:
    with pytest.raises(Failure):
        Window(file_of(b"abc"), 0, Deadline(seconds=-1))
