"""Which container a file is, and where it begins."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import BinaryIO

import pytest
from mp3_bytes import frame, free_frames

from python_worker.media.formats import container
from python_worker.media.formats.windows import BLOCK_BYTES
from python_worker.media.limits import Deadline
from python_worker.protocol import Failure

Opening = Callable[[bytes], BinaryIO]


def recognised(file: BinaryIO) -> tuple[str, int]:
    return container.recognise(file, Deadline())


def ape_tag(length: int) -> bytes:
    return b"APETAGEX" + struct.pack("<II", 2000, length) + bytes(16) + b"\x22" * length


@pytest.mark.parametrize(
    ("front", "start"),
    [
        (b"", 0),
        (b"\0", 1),
        (bytes(BLOCK_BYTES + 5), BLOCK_BYTES + 5),
        (b"x" * 65536, 65536),
        (ape_tag(70_000), 70_032),
        (ape_tag(70_000) + bytes(3_000_000), 3_070_032),
        (b"ID3\x03\0\0\0\0\0\x05abcde", 15),
        (b"ID3\x03\0\0\0\0\x01\x00" + b"a" * 128, 138),
        (b"ID3\x03\0\x10\0\0\0\x05abcde" + b"3DI" + bytes(7), 25),
        (b"ID3\x03\0\0\0\0\0\x80" + b"a" * 128, 138),
        (b"ID3\x03\0\0\0\0\0\x05abcde" * 3, 45),
        (b"ID3\x03\0\0\0\0\0\x05abcde" + bytes(70_000), 70_015),
    ],
)
def test_an_mp3_is_found_behind_tags_zeros_and_junk(file_of: Opening, front: bytes, start: int) -> None:
    assert recognised(file_of(front + frame() * 4)) == ("mp3", start)


@pytest.mark.parametrize(
    "front",
    [
        *(b"PK\3\4", b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"abcdmoov", b"abcdmdat", b"abcdfree"),
        *(b"abcdskip", b"abcdwide", b"x" * 257 + b"ustar", b"x" * 72_000),
        # Not even as an ID3 tag, whose version cannot be so.
        b"ID3\xff\0\0\0\0\0\x05" + b"x" * 72_000,
    ],
)
def test_what_holds_an_mp3_and_is_none_stays_unknown(file_of: Opening, front: bytes) -> None:
    with pytest.raises(Failure) as refused:
        recognised(file_of(front + frame() * 8 + b"junk"))
    assert refused.value.kind == "UNSUPPORTED_FORMAT"
    assert refused.value.message == (
        "The file is in none of the supported formats: WAV, FLAC, MP3, OGG (Vorbis, Opus), M4A (AAC, ALAC)."
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "The file is empty."),
        (b"ID3\x03\0\0\0\0\0\x05abcde" + bytes(9), "The file is empty: it has tags but no audio."),
        (b"ID3\x03\0\0\0\0\0\x05abcde", "The file is empty: it has tags but no audio."),
    ],
)
def test_an_empty_file_is_called_so(file_of: Opening, content: bytes, message: str) -> None:
    with pytest.raises(Failure) as refused:
        recognised(file_of(content))
    assert (refused.value.kind, refused.value.message) == ("INVALID_AUDIO", message)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"RIFF\0\0\0\0WAVEfmt ", ("wav", 0)),
        (b"RIFX\0\0\0\0WAVEfmt ", ("wav", 0)),
        (b"RF64\0\0\0\0WAVEfmt ", ("wav", 0)),
        (container.W64, ("wav", 0)),
        (container.W64 + b"more", ("wav", 0)),
        (b"fLaC\0", ("flac", 0)),
        (b"OggS\0", ("ogg", 0)),
        (b"\0\0\0\x20ftypM4A ", ("mp4", 0)),
        (b"ID3\x03\0\0\0\0\0\x05abcdefLaC", ("flac", 15)),
        (b"ID3\x03\0\0\0\0\0\x05abcdeRIFF\0\0\0\0WAVE", ("wav", 15)),
        (free_frames([100, 100, 100, 100]), ("mp3", 0)),
    ],
)
def test_a_container_is_told_by_its_first_bytes(
    file_of: Opening, content: bytes, expected: tuple[str, int]
) -> None:
    assert recognised(file_of(content)) == expected


def id3(size: bytes, body: int, *, version: bytes = b"\3\0", flags: int = 0) -> bytes:
    """A tag whose body is as long as said, or not."""
    return b"ID3" + version + bytes((flags,)) + size + b"t" * body


@pytest.mark.parametrize(
    ("content", "end"),
    [
        (b"", 0),
        (b"ID3\3\0\0\0\0\0", 0),
        (b"ID4\3\0\0\0\0\0\5abcde", 0),
        (id3(b"\0\0\0\5", 5), 15),
        (id3(b"\0\0\1\x7f", 255) + b"\xffmore", 265),
        (id3(b"\0\1\0\0", 1 << 14), 10 + (1 << 14)),
        (id3(b"\1\0\0\0", 9), 10 + (1 << 21)),
        (id3(b"\0\0\1\x80", 384), 394),
        (id3(b"\0\1\xff\0", 0x1FF00) + b"more", 10 + 0x1FF00),
        (id3(b"\x80\0\0\0", 384), 0),
        (id3(b"\0\0\1\x80", 383), 0),
        (id3(b"\0\0\0\5", 15, flags=0x10), 25),
        (id3(b"\0\0\0\5", 5, flags=0xEF), 15),
        (id3(b"\0\0\0\5", 15, flags=0xFF), 25),
        (id3(b"\0\0\0\5", 5, version=b"\xff\0"), 0),
        (id3(b"\0\0\0\5", 5, version=b"\0\xff"), 0),
        (id3(b"\0\0\0\5", 5) * 3 + b"ID", 45),
    ],
)
def test_tags_end_where_they_say_also_those_whose_size_is_written_in_whole_bytes(
    file_of: Opening, content: bytes, end: int
) -> None:
    assert container.skip_id3(file_of(content), Deadline()) == end


def test_tags_without_end_are_given_up(file_of: Opening) -> None:
    with pytest.raises(Failure) as refused:
        container.skip_id3(file_of(id3(b"\0\0\0\0", 0) * 65_540), Deadline())
    assert refused.value.kind == "INVALID_AUDIO"
    assert refused.value.message == (
        "The file takes too long to examine: it consists of too many tiny or damaged pieces."
    )


@pytest.mark.parametrize("content", [bytes(100), id3(b"\0\0\0\5", 5) + b"text"])
def test_what_is_neither_empty_nor_known_is_called_unknown(file_of: Opening, content: bytes) -> None:
    with pytest.raises(Failure) as refused:
        recognised(file_of(content))
    assert refused.value.kind == "UNSUPPORTED_FORMAT"
