"""How many samples an MP3 holds."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import BinaryIO

import pytest
from mp3_bytes import frame

from python_worker.media.formats.windows import BLOCK_BYTES
from python_worker.media.length import mp3_length
from python_worker.media.length.audio_length import AudioLength
from python_worker.media.limits import Deadline

Opening = Callable[[bytes], BinaryIO]


def info_frame(
    frames: int | None,
    *,
    size: bool = True,
    table: bool = True,
    quality: bool = True,
    encoder: bytes = b"LAME",
    name: bytes = b"Info",
    delay: int = 576,
    padding: int = 1000,
) -> bytes:
    """The first, silent frame of an encoder that says how many follow."""
    flags = (frames is not None) * 1 | size * 2 | table * 4 | quality * 8
    fields = b"" if frames is None else struct.pack(">I", frames)
    fields += b"\1\2\3\4" * size + bytes(range(100)) * table + b"\0\0\0\x50" * quality
    delays = (delay << 12 | padding).to_bytes(3, "big")
    return frame(
        fill=bytes(32) + name + struct.pack(">I", flags) + fields + encoder.ljust(21, b"\7") + delays
    )


def mp3_length_of(file: BinaryIO) -> AudioLength:
    return mp3_length.measure(file, 0, Deadline())


@pytest.mark.parametrize("size", [True, False])
@pytest.mark.parametrize("table", [True, False])
@pytest.mark.parametrize("quality", [True, False])
@pytest.mark.parametrize(("name", "encoder"), [(b"Info", b"LAME"), (b"Xing", b"Lavf"), (b"Xing", b"Lavc")])
def test_the_padding_of_an_encoder_is_taken_off_whatever_else_its_header_says(
    file_of: Opening, size: bool, table: bool, quality: bool, name: bytes, encoder: bytes
) -> None:
    info = info_frame(10, size=size, table=table, quality=quality, name=name, encoder=encoder)
    assert mp3_length_of(file_of(info + frame() * 10)) == AudioLength(
        10 * 1152 - 1576, 10 * 1152 - 1576, None
    )


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (info_frame(10, encoder=b"GOGO"), AudioLength(11520, 11520)),
        (info_frame(None), AudioLength(11520)),
        (info_frame(12), AudioLength(11520, 13824)),
        (info_frame(10, delay=4095, padding=4095), AudioLength(11520 - 8190, 11520 - 8190)),
        (
            info_frame(9),
            AudioLength(11520, 10368, "MSST's decoder reads only the first of the joined MP3 files"),
        ),
        (frame(fill=bytes(32) + b"nothing"), AudioLength(12672)),
        (frame(fill=bytes(45) + b"Info\0\0\0\1\0\0\0\1"), AudioLength(12672)),
        (frame(fill=bytes(40) + b"Info\0\0\0\1\0\0\0\x0a"), AudioLength(11520, 11520)),
    ],
)
def test_only_what_an_encoder_says_of_itself_is_taken_off(
    file_of: Opening, info: bytes, expected: AudioLength
) -> None:
    assert mp3_length_of(file_of(info + frame() * 10)) == expected


def test_more_padding_than_sound_leaves_nothing(file_of: Opening) -> None:
    assert mp3_length_of(file_of(info_frame(1, delay=4000) + frame())) == AudioLength(0, 0)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"no frame at all", AudioLength(0)),
        (frame() * 9, AudioLength(10368)),
        (frame() * 9 + frame()[:-1], AudioLength(10368)),
        ((frame() + frame(padded=True)) * 4, AudioLength(9216)),
        (frame(mono=True) * 9, AudioLength(10368)),
        (frame() * 4 + bytes(1024), AudioLength(4608)),
        (
            frame() * 4 + bytes(1025),
            AudioLength(4608, None, "MSST's decoder stumbles over what follows the last MP3 frame"),
        ),
        (
            frame() * 4 + bytes(1) + frame() * 4,
            AudioLength(9216, None, "MSST's decoder may stop where the MP3 frames are interrupted"),
        ),
        (
            frame() * 4 + frame(mono=True) * 4,
            AudioLength(9216, None, "MSST's decoder stops where the MP3 changes its sample rate or channels"),
        ),
        (
            frame() * 4 + frame(rate=1) * 4,
            AudioLength(
                4608 + round(4608 * 44100 / 48000),
                None,
                "MSST's decoder stops where the MP3 changes its sample rate or channels",
            ),
        ),
        (
            frame() * 4 + frame(160) * 4,
            AudioLength(
                9216,
                None,
                "MSST's decoder misjudges the length of a variable bit rate MP3 without a frame count",
            ),
        ),
    ],
)
def test_the_frames_of_an_mp3_are_counted_and_what_its_decoder_stumbles_over_is_named(
    file_of: Opening, content: bytes, expected: AudioLength
) -> None:
    assert mp3_length_of(file_of(content)) == expected


def test_an_mp3_longer_than_what_is_read_at_once_is_counted_whole(file_of: Opening) -> None:
    number = 3 * BLOCK_BYTES // 417
    assert mp3_length_of(file_of(frame() * number)) == AudioLength(1152 * number)
    holed = frame() * number + bytes(BLOCK_BYTES + 7) + frame() * number
    assert mp3_length_of(file_of(holed)).samples == 2 * 1152 * number
