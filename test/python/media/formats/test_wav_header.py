"""What is read of a WAV's header."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, BinaryIO

import pytest
from wav_bytes import DATA, PLAIN, SOUND, chunk, form, header_of, wav

from python_worker.media.formats.wav_header import NO_SOUND, WavHeader
from python_worker.protocol import Failure

Opening = Callable[[bytes], BinaryIO]
DAMAGED = "The WAV header is damaged: it does not describe its samples."


def changed(**changes: Any) -> WavHeader:
    """The header of PLAIN but for some of it."""
    plain = {"tag": 1, "channels": 2, "sample_rate": 1000, "mask": 0, "block_bytes": 4, "sample_bytes": 2}
    places = {"samples_per_block": 0, "data_start": 44, "data_bytes": 200, "is_length_missing": False}
    return WavHeader(**{**plain, **places, "is_big_endian": False, "is_plain": True, **changes})


def extensible(valid: int, mask: int, tag: int) -> bytes:
    return struct.pack("<HHIH", 22, valid, mask, tag) + bytes(14)


@pytest.mark.parametrize(
    ("content", "header"),
    [
        (PLAIN, changed()),
        (PLAIN[:-1], changed(data_bytes=199)),
        (PLAIN + b"more", changed()),
        (wav(chunk(b"LIST", b"odd"), form(), DATA), changed(data_start=56)),
        (wav(form(), chunk(b"JUNK", b"even"), DATA), changed(data_start=56)),
        (wav(form(), chunk(b"data", SOUND, length=0xFFFFFFFF)), changed()),
        (wav(form(), chunk(b"data", SOUND, length=100)), changed(data_bytes=100)),
        (wav(form(), chunk(b"data", SOUND, length=0)), changed(is_length_missing=True)),
        (wav(form(), chunk(b"data", b"")), changed(data_bytes=0)),
        (wav(form(), chunk(b"data", b""), chunk(b"note", b"abcd")), changed(data_bytes=0)),
        (wav(form(), chunk(b"data", b""), chunk(b"note", b"abc")[:-1]), changed(data_bytes=0)),
        (
            wav(form(), chunk(b"data", b""), chunk(b"note", b"abcd"), chunk(b"note", b"a")),
            changed(data_bytes=0),
        ),
        (wav(form(), chunk(b"data", b""), chunk(b"note", b"")), changed(data_bytes=0)),
        (
            wav(form(), chunk(b"data", b"", length=0), b"1234567"),
            changed(data_bytes=7, is_length_missing=True),
        ),
        (
            wav(
                chunk(b"ds64", struct.pack("<QQQ", 0, 100, 0)),
                form(),
                chunk(b"data", SOUND, length=0xFFFFFFFF),
            ),
            changed(data_start=76, data_bytes=100),
        ),
        (
            wav(chunk(b"ds64", struct.pack("<QQ", 0, 0)), form(), chunk(b"data", SOUND, length=0xFFFFFFFF)),
            changed(data_start=68, data_bytes=0),
        ),
        (
            wav(chunk(b"ds64", struct.pack("<QQ", 0, 100)), form(), chunk(b"data", SOUND, length=150)),
            changed(data_start=68, data_bytes=150),
        ),
        (
            wav(chunk(b"ds64", b"a" * 15), form(), chunk(b"data", SOUND, length=0xFFFFFFFF)),
            changed(data_start=68),
        ),
        (
            wav(form(order=">"), chunk(b"data", SOUND, order=">"), signature=b"RIFX"),
            changed(is_big_endian=True, is_plain=False),
        ),
        (wav(form(bits=8, block=2), DATA), changed(block_bytes=2, sample_bytes=1)),
        (wav(form(bits=12), DATA), changed()),
        (wav(form(bits=24, block=6), DATA), changed(block_bytes=6, sample_bytes=3)),
        (wav(form(bits=24, block=8), DATA), changed(block_bytes=8, sample_bytes=4, is_plain=False)),
        (wav(form(bits=32, block=8), DATA), changed(block_bytes=8, sample_bytes=4)),
        (wav(form(bits=40, block=10), DATA), changed(block_bytes=10, sample_bytes=0)),
        (wav(form(bits=0), DATA), changed(sample_bytes=0)),
        (wav(form(3, bits=32, block=8), DATA), changed(tag=3, block_bytes=8, sample_bytes=4)),
        (wav(form(3, bits=64, block=16), DATA), changed(tag=3, block_bytes=16, sample_bytes=8)),
        (wav(form(3, bits=24, block=8), DATA), changed(tag=3, block_bytes=8, sample_bytes=0)),
        (wav(form(6, bits=8, block=2), DATA), changed(tag=6, block_bytes=2, sample_bytes=1)),
        (wav(form(7, bits=8, block=2), DATA), changed(tag=7, block_bytes=2, sample_bytes=1)),
        (wav(form(7, bits=16, block=2), DATA), changed(tag=7, block_bytes=2, sample_bytes=1, is_plain=False)),
        (wav(form(block=3), DATA), changed(block_bytes=3, is_plain=False)),
        (
            wav(form(2, bits=4, block=256, more=struct.pack("<HH", 2, 500)), DATA),
            changed(tag=2, block_bytes=256, sample_bytes=0, samples_per_block=500, data_start=48),
        ),
        (wav(form(0xFFFE, more=extensible(16, 3, 1)), DATA), changed(mask=3, data_start=68)),
        (wav(form(0xFFFE, more=extensible(0, 3, 1)), DATA), changed(mask=3, data_start=68)),
        (
            wav(form(0xFFFE, more=extensible(8, 3, 1)), DATA),
            changed(mask=3, data_start=68, is_plain=False),
        ),
        (
            wav(form(0xFFFE, bits=32, block=8, more=extensible(24, 3, 1)), DATA),
            changed(mask=3, block_bytes=8, sample_bytes=4, data_start=68, is_plain=False),
        ),
        (
            wav(form(0xFFFE, bits=32, block=8, more=extensible(32, 3, 3)), DATA),
            changed(tag=3, mask=3, block_bytes=8, sample_bytes=4, data_start=68),
        ),
        (
            wav(form(0xFFFE, more=extensible(16, 3, 1)[:9]), DATA),
            changed(tag=0xFFFE, sample_bytes=0, samples_per_block=16, data_start=54),
        ),
    ],
)
def test_a_wav_is_what_its_header_and_its_bytes_say(
    file_of: Opening, content: bytes, header: WavHeader
) -> None:
    assert header_of(file_of(content)) == header


def test_a_wav_behind_a_tag_is_read_from_its_own_start(file_of: Opening) -> None:
    assert header_of(file_of(bytes(15) + PLAIN), 15) == changed(data_start=59, is_plain=False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (wav(form()), NO_SOUND),
        (wav(form(), b"data\0\0\0"), NO_SOUND),
        (wav(), NO_SOUND),
        (wav(DATA), DAMAGED),
        (wav(form(channels=0), DATA), DAMAGED),
        (wav(chunk(b"fmt ", bytes(14)), DATA), DAMAGED),
        (
            wav(*[chunk(b"", b"")] * 65_540, form(), DATA),
            "The file takes too long to examine: it consists of too many tiny or damaged pieces.",
        ),
    ],
)
def test_a_header_without_any_sound_is_refused(file_of: Opening, content: bytes, message: str) -> None:
    with pytest.raises(Failure) as refused:
        header_of(file_of(content))
    assert (refused.value.kind, refused.value.message) == ("INVALID_AUDIO", message)


@pytest.mark.parametrize(
    ("changes", "demuxer"),
    [
        ({}, ("s16le", {"sample_rate": "1000", "ch_layout": "2c"})),
        ({"sample_bytes": 3}, ("s24le", {"sample_rate": "1000", "ch_layout": "2c"})),
        ({"sample_bytes": 4, "is_big_endian": True}, ("s32be", {"sample_rate": "1000", "ch_layout": "2c"})),
        ({"sample_bytes": 1, "is_big_endian": True}, ("u8", {"sample_rate": "1000", "ch_layout": "2c"})),
        ({"tag": 3, "sample_bytes": 4}, ("f32le", {"sample_rate": "1000", "ch_layout": "2c"})),
        ({"tag": 3, "sample_bytes": 8}, ("f64le", {"sample_rate": "1000", "ch_layout": "2c"})),
        ({"tag": 6, "sample_bytes": 1}, ("alaw", {"sample_rate": "1000", "ch_layout": "2c"})),
        ({"tag": 7, "sample_bytes": 1}, ("mulaw", {"sample_rate": "1000", "ch_layout": "2c"})),
        ({"channels": 6}, ("s16le", {"sample_rate": "1000", "ch_layout": "6C"})),
        ({"channels": 6, "mask": 0x3F}, ("s16le", {"sample_rate": "1000", "ch_layout": "0x3f"})),
        ({"channels": 3, "mask": 0x3F}, ("s16le", {"sample_rate": "1000", "ch_layout": "3C"})),
        ({"tag": 2, "sample_bytes": 0}, None),
    ],
)
def test_bare_samples_are_handed_on_as_the_header_describes_them(
    changes: dict[str, Any], demuxer: tuple[str, dict[str, str]] | None
) -> None:
    assert changed(**changes).raw_demuxer() == demuxer
