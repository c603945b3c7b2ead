"""Ogg pages are found, also between junk."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

import pytest
from ogg_bytes import ogg_page

from python_worker.media.formats import ogg_pages
from python_worker.media.formats.ogg_pages import CONTINUES, NO_POSITION, pages
from python_worker.media.formats.windows import BLOCK_BYTES
from python_worker.media.limits import Deadline
from python_worker.protocol import Failure

Opening = Callable[[bytes], BinaryIO]


def test_every_page_is_found_with_what_its_header_says_also_behind_junk(file_of: Opening) -> None:
    first = ogg_page([b"abc", b"d" * 300], position=5, flags=2, serial=9, sequence=1)
    second = ogg_page([b"e" * 510], position=NO_POSITION, flags=CONTINUES, sequence=2, open_end=True)
    found = list(
        pages(file_of(b"junk OggOggS" + first + b"O" + second + b"OggS\1" + bytes(40) + first + b"Ogg"))
    )
    assert [page.raw for page in found if page.is_whole] == [first, second, first]
    one, two = (page for page in found[:2])
    assert (one.flags, one.position, one.serial, one.sequence) == (2, 5, 9, 1)
    assert (one.lacing, one.body, one.ended_packets, one.continues) == (
        b"\3\xff\x2d",
        b"abc" + b"d" * 300,
        2,
        False,
    )
    assert (two.position, two.serial, two.ended_packets, two.continues) == (NO_POSITION, 7, 0, True)


def test_a_page_with_a_wrong_checksum_is_told_and_the_next_one_is_searched_within_it(
    file_of: Opening,
) -> None:
    inner = ogg_page([b"inner"])
    outer = bytearray(ogg_page([b"x" * 20 + inner + b"y" * 20]))
    outer[-1] ^= 1
    found = list(pages(file_of(bytes(outer) + inner)))
    assert [(page.is_whole, page.raw) for page in found] == [
        (False, bytes(outer)),
        (True, inner),
        (True, inner),
    ]


def test_a_page_that_is_cut_off_is_none(file_of: Opening) -> None:
    whole = ogg_page([b"abc"])
    assert list(pages(file_of(whole[:-1]))) == []
    assert list(pages(file_of(whole[:27]))) == []
    assert [page.raw for page in pages(file_of(whole))] == [whole]


def test_pages_of_every_length_are_found_however_they_lie_in_what_is_read_at_once(file_of: Opening) -> None:
    longest = ogg_page([b"z" * (255 * 255)], open_end=True)
    assert len(longest) == ogg_pages.LONGEST_PAGE
    number = 2 * BLOCK_BYTES // len(longest)
    content = (longest + ogg_page([b"small"])) * number
    assert len([page for page in pages(file_of(content), Deadline()) if page.is_whole]) == 2 * number
    junk = b"Ogg" * (BLOCK_BYTES // 3 + 1) + longest
    assert [page.raw for page in pages(file_of(junk), Deadline())] == [longest]


def test_a_search_through_junk_keeps_to_the_deadline(file_of: Opening) -> None:
    with pytest.raises(Failure):
        list(pages(file_of(b"OggS" * 1000), Deadline(seconds=-1)))
