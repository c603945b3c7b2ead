"""What the header of an MP3 frame says, and where the next one is found."""

from __future__ import annotations

import pytest
from mp3_bytes import frame, free_frames

from python_worker.media.formats import mp3_frames


def test_a_frame_is_known_by_what_its_header_says() -> None:
    known = mp3_frames.known()
    assert known[mp3_frames.key_at(frame(), 0)] == mp3_frames.Frame(417, 1152, 44100, 128, False)
    assert known[mp3_frames.key_at(frame(padded=True, mono=True), 0)] == mp3_frames.Frame(
        418, 1152, 44100, 128, True
    )
    assert known[mp3_frames.key_at(b"\0\xff\xf3\x90\xc0", 1)] == mp3_frames.Frame(261, 576, 22050, 80, True)
    assert known[mp3_frames.key_at(b"\xff\xe2\x14\x00", 0)] == mp3_frames.Frame(48, 576, 12000, 8, False)
    assert mp3_frames.key_at(frame()[:3], 0) == mp3_frames.key_at(frame(), 414) == 0
    assert mp3_frames.key_at(frame() + b"\xff\xfb\x90\0", 417) == mp3_frames.key_at(frame(), 0)
    for header in (
        b"\xff\xfb\x00\0",
        b"\xff\xfb\xf0\0",
        b"\xff\xfb\x9c\0",
        b"\xff\xfd\x90\0",
        b"\xff\xeb\x90\0",
    ):
        assert mp3_frames.key_at(header, 0) not in known


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (frame() * 4 + b"more", 0),
        (b"\xff" + frame() * 4 + b"more", 1),
        (b"\xff\xff\xfb" + frame() * 4, 3),
        (b"some junk" + frame() * 4, 9),
        (frame() * 3, 0),
        (b"a" + frame() * 3, 1),
        (frame() * 2, None),
        (frame() * 3 + b"more", None),
        (frame() * 3 + frame(mono=True) * 4, 3 * 417),
        (frame() * 2 + frame(160) * 2 + b"more", 0),
        (b"", None),
    ],
)
def test_an_mp3_begins_where_several_frames_of_one_stream_follow_each_other(
    content: bytes, found: int | None
) -> None:
    assert mp3_frames.find_run(content) == found


@pytest.mark.parametrize(
    ("content", "farthest", "at", "found"),
    [
        (frame() * 2, 0, 0, 0),
        (frame(), 0, 0, 0),
        (frame() + b"TAG", 0, 0, 0),
        (frame() + b"APETAGEX", 0, 0, 0),
        (frame() + b"ID3", 0, 0, 0),
        (frame() + b"else", 0, 0, None),
        (frame() + frame(mono=True), 0, 0, None),
        (b"ab" + frame() * 2, 2, 0, 2),
        (b"ab" + frame() * 2, 1, 0, None),
        (b"\xffb" + frame() * 2, 2, 0, 2),
        (frame() * 3, 10, 1, None),
        (frame() * 3, 416, 1, 417),
        (frame() * 3, 415, 1, None),
    ],
)
def test_a_frame_counts_where_what_follows_confirms_it(
    content: bytes, farthest: int, at: int, found: int | None
) -> None:
    assert mp3_frames.find(content, farthest, at) == found


@pytest.mark.parametrize(
    ("content", "is_free"),
    [
        (free_frames([100, 100, 100, 100]), True),
        (free_frames([100, 101, 100, 100]), True),
        (free_frames([101, 100, 101, 100]), True),
        (free_frames([5760, 5760, 5760, 5760]), True),
        (free_frames([24, 24, 24, 24]), True),
        (free_frames([22, 22, 22, 22]), False),
        (free_frames([6000, 6000, 6000, 6000]), False),
        (free_frames([100, 100, 100, 100], third=0x01), True),
        (free_frames([100, 100, 100, 100], third=0x0D), False),
        (free_frames([100, 100, 100, 100]).replace(b"\xff", b"\xfe"), False),
        (free_frames([100, 100, 100, 100]).replace(b"\x11" * 40, b"\xff\xfb" + b"\x11" * 38), True),
        (free_frames([100, 100, 100]), False),
        (free_frames([100, 102, 100, 100]), False),
        (free_frames([100, 100, 100]) + b"\xff\xfb", False),
        (free_frames([100, 100, 100]) + b"\xff\xfb\x04", False),
        (free_frames([100, 100, 100]) + b"\xff\xfb\x00", True),
        (free_frames([100, 100, 100, 100], third=0x10), False),
        (free_frames([100, 100, 100, 100], third=0x0C), False),
        (b"\xfe" + free_frames([100, 100, 100, 100])[1:], False),
        (b"\xff", False),
        (b"\xff\xfb\x00", False),
    ],
)
def test_frames_without_a_bit_rate_are_told_by_their_even_distance(content: bytes, is_free: bool) -> None:
    assert mp3_frames.is_free_format(content) is is_free
