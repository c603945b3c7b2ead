"""What is read of a WAV's header, and what of the bytes behind its sound."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, BinaryIO

import pytest

from python_worker.media.formats import wav_header, wav_rest
from python_worker.media.formats.wav_header import NO_SOUND, WavHeader
from python_worker.media.length import wav_length
from python_worker.media.length.audio_length import AudioLength
from python_worker.media.limits import Deadline
from python_worker.protocol import Failure

Opening = Callable[[bytes], BinaryIO]
DAMAGED = "The WAV header is damaged: it does not describe its samples."


def chunk(name: bytes, body: bytes, *, order: str = "<", length: int | None = None) -> bytes:
    return (
        struct.pack(f"{order}4sI", name, len(body) if length is None else length)
        + body
        + b"\0" * (len(body) % 2)
    )


def form(
    tag: int = 1,
    channels: int = 2,
    rate: int = 1000,
    block: int = 4,
    bits: int = 16,
    more: bytes = b"",
    order: str = "<",
) -> bytes:
    """The chunk that says how samples are packed."""
    body = struct.pack(f"{order}HHIIHH", tag, channels, rate, rate * block, block, bits) + more
    return chunk(b"fmt ", body, order=order)


def wav(*chunks: bytes, signature: bytes = b"RIFF") -> bytes:
    return signature + bytes(4) + b"WAVE" + b"".join(chunks)


SOUND = bytes(range(200))
DATA = chunk(b"data", SOUND)
PLAIN = wav(form(), DATA)


def header_of(file: BinaryIO, start: int = 0) -> WavHeader:
    return wav_header.read(file, start, Deadline())


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


def length_of(file: BinaryIO) -> AudioLength:
    return wav_length.measure(file, header_of(file), Deadline())


@pytest.mark.parametrize(
    ("content", "length"),
    [
        (PLAIN, AudioLength(50)),
        (PLAIN[:-1], AudioLength(49)),
        (wav(form(2, bits=4, block=64, more=struct.pack("<HH", 2, 500)), DATA), AudioLength(1500)),
        (
            wav(form(), chunk(b"data", SOUND, length=0)),
            AudioLength(50, None, "MSST's decoder believes the length 0 in the WAV header"),
        ),
        (
            PLAIN + PLAIN,
            AudioLength(
                50,
                None,
                "MSST's decoder reads only the first of several pieces of sound in the WAV",
            ),
        ),
    ],
)
def test_the_samples_of_a_wav_are_those_that_are_there(
    file_of: Opening, content: bytes, length: AudioLength
) -> None:
    assert length_of(file_of(content)) == length


def test_mp3_in_a_wav_is_counted_from_where_its_frames_begin(file_of: Opening) -> None:
    frame = b"\xff\xfb\x90\0".ljust(417, b"\x55")
    assert length_of(file_of(wav(form(0x55, bits=0), chunk(b"data", frame * 5)))) == AudioLength(5 * 1152)


def test_sound_behind_the_first_is_found_in_a_big_endian_wav_too(file_of: Opening) -> None:
    data = chunk(b"data", SOUND, order=">")
    file = file_of(wav(form(order=">"), data, data, signature=b"RIFX"))
    assert wav_rest.unread_seconds(file, header_of(file), Deadline()) == pytest.approx(0.05)


@pytest.mark.parametrize("more", [b"", struct.pack("<HH", 2, 0)])
def test_packets_of_unknown_length_cannot_be_counted(file_of: Opening, more: bytes) -> None:
    with pytest.raises(Failure) as refused:
        length_of(file_of(wav(form(2, bits=4, block=64, more=more), DATA)))
    assert refused.value.kind == "INVALID_AUDIO"
    assert refused.value.message == "The WAV header does not say how its samples are packed."


@pytest.mark.parametrize(
    ("rest", "seconds"),
    [
        (b"", 0),
        (b"RIFF", 0),
        (b"some junk that is no chunk at all", 0),
        (chunk(b"LIST", b"tags"), 0),
        (DATA, 0.05),
        (chunk(b"note", b"odd") + DATA, 0.05),
        (DATA + chunk(b"note", b"odd") + DATA, 0.1),
        (DATA[:-100], 0.025),
        (chunk(b"data", SOUND, length=0xFFFFFFFF), 0.05),
        (PLAIN, 0.05),
        (PLAIN + PLAIN, 0.1),
        (wav(form(rate=500), DATA), 0.1),
        (wav(form(rate=500, order=">"), chunk(b"data", SOUND, order=">"), signature=b"RIFX"), 0.1),
        (wav(form(rate=500), DATA, signature=b"RF64"), 0.1),
        (wav(form(rate=0), DATA), 0),
        (wav(chunk(b"fmt ", bytes(15)), DATA), 0.05),
        (wav(chunk(b"fmt ", bytes(8))), 0),
        (b"RIFF\0\0\0\0AVI " + DATA, 0),
    ],
)
def test_sound_behind_the_first_is_told_from_anything_else(
    file_of: Opening, rest: bytes, seconds: float
) -> None:
    file = file_of(PLAIN + rest)
    assert wav_rest.unread_seconds(file, header_of(file), Deadline()) == pytest.approx(seconds)


def test_a_wav_of_odd_length_may_be_joined_with_or_without_padding(file_of: Opening) -> None:
    odd = wav(form(bits=8, channels=1, block=1), chunk(b"data", SOUND[:199]))
    for first in (odd, odd[:-1]):
        file = file_of(first + odd)
        assert wav_rest.unread_seconds(file, header_of(file), Deadline()) == pytest.approx(0.199)


def test_pieces_behind_the_sound_are_looked_at_no_longer_than_the_deadline_allows(file_of: Opening) -> None:
    file = file_of(PLAIN + PLAIN)
    header = header_of(file)
    with pytest.raises(Failure):
        wav_rest.unread_seconds(file, header, Deadline(seconds=-1))
    with pytest.raises(Failure):
        wav_header.read(file, 0, Deadline(seconds=-1))
