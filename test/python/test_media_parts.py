"""The parts of the media child, byte by byte: what a header says, and where the next one is found."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import BinaryIO

import pytest

from python_worker.media.formats import container, mp3_frames, ogg_pages
from python_worker.media.formats.ogg_packets import OPUS_SIZES, OpusPackets, packets_of
from python_worker.media.formats.ogg_pages import CONTINUES, HEADER, NO_POSITION, Page, pages
from python_worker.media.formats.windows import BLOCK_BYTES, Region, Window, size_of
from python_worker.media.length import mp3_length
from python_worker.media.length.audio_length import AudioLength
from python_worker.media.limits import Deadline
from python_worker.media.staging.holes import Holes
from python_worker.protocol import Failure

Opening = Callable[[bytes], BinaryIO]


def frame(
    kbps: int = 128, *, padded: bool = False, mono: bool = False, rate: int = 0, fill: bytes = b""
) -> bytes:
    """An MP3 frame of MPEG 1 at 44.1 kHz, or the next of its rates."""
    index = mp3_frames.BITRATES[1].index(kbps) + 1
    header = bytes((0xFF, 0xFB, index << 4 | rate << 2 | padded << 1, 0xC0 if mono else 0))
    size = 144000 * kbps // mp3_frames.RATES[3][rate] + padded
    return (header + fill).ljust(size, b"\x55")


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


def free_frames(distances: list[int], third: int = 0x00) -> bytes:
    """Frames of free format; a padded one is a byte longer."""
    return b"".join(
        bytes((0xFF, 0xFB, third | (distance % 2) << 1, 0)).ljust(distance, b"\x11") for distance in distances
    )


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


def ogg_page(
    packets: list[bytes],
    *,
    position: int = 0,
    flags: int = 0,
    serial: int = 7,
    sequence: int = 0,
    open_end: bool = False,
) -> bytes:
    """A page with its right checksum."""
    lacing = b"".join(bytes([255] * (len(packet) // 255) + [len(packet) % 255]) for packet in packets)
    if open_end:
        lacing = lacing[:-1]
    body = b"".join(packets)
    raw = HEADER.pack(b"OggS", 0, flags, position, serial, sequence, 0, len(lacing)) + lacing + body
    return raw[:22] + struct.pack("<I", ogg_checksum(raw)) + raw[26:]


def ogg_checksum(data: bytes) -> int:
    """As the standard words it, bit by bit."""
    value = 0
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7 if value >> 31 else value << 1) & 0xFFFFFFFF
    return value


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


def opus_head(skip: int = 312) -> bytes:
    return b"OpusHead\1\2" + struct.pack("<HIhB", skip, 48000, 0, 0)


def page_of(raw: bytes) -> Page:
    fields = HEADER.unpack_from(raw)
    return Page(raw, *fields[2:6], lacing=raw[HEADER.size : HEADER.size + fields[7]], is_whole=True)


@pytest.mark.parametrize("configuration", range(32))
@pytest.mark.parametrize(("kind", "frames"), [(0, 1), (1, 2), (2, 2), (3, 5)])
def test_a_packet_of_opus_holds_as_many_samples_as_its_first_bytes_say(
    configuration: int, kind: int, frames: int
) -> None:
    packet = bytes((configuration << 3 | 4 | kind, 0xC0 | frames if kind == 3 else 9)) + b"sound"
    assert OpusPackets(opus_head()).samples(page_of(ogg_page([packet]))) == OPUS_SIZES[configuration] * frames
    assert OPUS_SIZES[configuration] in (120, 240, 480, 960, 1920, 2880)


def test_a_packet_counts_on_the_page_on_which_it_ends() -> None:
    packets = OpusPackets(opus_head())
    twenty_ms, ten_ms = bytes((1 << 3,)) + b"a" * 600, bytes((0,)) + b"b" * 20
    begun = page_of(ogg_page([ten_ms, twenty_ms[:510]], open_end=True))
    within = page_of(ogg_page([b"c" * 255], flags=CONTINUES, position=NO_POSITION, open_end=True))
    ended = page_of(ogg_page([b"d" * 30, ten_ms], flags=CONTINUES))
    assert [packets.samples(page) for page in (begun, within, ended)] == [480, 0, 960 + 480]
    assert packets.samples(begun) == 480
    packets.forget()
    assert packets.samples(ended) == 480, "the beginning was on a page that is lost"


def test_streams_are_known_by_their_first_header() -> None:
    opus = packets_of(page_of(ogg_page([opus_head(312)], flags=2)))
    assert opus is not None and (opus.rate, opus.skipped, opus.headers) == (48000, 312, 2)
    identification = b"\x01vorbis" + struct.pack("<IBIiiiBB", 0, 2, 22050, 0, 0, 0, 0xB8, 1)
    vorbis = packets_of(page_of(ogg_page([identification], flags=2)))
    assert vorbis is not None and (vorbis.rate, vorbis.skipped, vorbis.headers) == (22050, 0, 3)
    for body in (
        opus_head()[:18],
        identification[:29],
        b"\x03vorbis" + identification[7:],
        b"\x80theora" + bytes(30),
    ):
        assert packets_of(page_of(ogg_page([body], flags=2))) is None


def vorbis_setup(modes: list[bool]) -> bytes:
    """The end of a set-up header: the number of modes, each mode, and the framing bit."""
    bits, width = len(modes) - 1, 6
    for is_long in modes:
        bits |= is_long << width
        width += 41
    return b"\x05vorbis" + b"\xa5" * 40 + (bits | 1 << width).to_bytes(width // 8 + 1, "little")


@pytest.mark.parametrize(
    ("modes", "first_bytes", "samples"),
    [
        ([False, True], (0, 0, 2, 2, 0), [0, 128, 576, 1024, 576]),
        ([False], (0, 0), [0, 128]),
        ([True, False, True], (0, 2, 4, 4), [0, 576, 576, 1024]),
        ([True, False, True], (0, 6, 0, 0), [0, 512, 0, 1024]),
        ([False, True, False, True, True], (0, 8, 6, 2), [0, 576, 1024, 1024]),
    ],
)
def test_blocks_of_vorbis_give_what_they_overlap(
    modes: list[bool], first_bytes: tuple[int, ...], samples: list[int]
) -> None:
    identification = b"\x01vorbis" + struct.pack("<IBIiiiBB", 0, 2, 44100, 0, 0, 0, 0xB8, 1)
    packets = packets_of(page_of(ogg_page([identification], flags=2)))
    assert packets is not None
    packets.read_headers(vorbis_setup(modes))
    given = [packets.samples(page_of(ogg_page([bytes((first,)) + b"x"]))) for first in first_bytes]
    assert given == samples
    packets.forget()
    assert packets.samples(page_of(ogg_page([b"\0x"]))) == 0, "the block before it is lost"


def test_a_set_up_without_modes_is_an_error() -> None:
    identification = b"\x01vorbis" + struct.pack("<IBIiiiBB", 0, 2, 44100, 0, 0, 0, 0xB8, 1)
    packets = packets_of(page_of(ogg_page([identification], flags=2)))
    assert packets is not None
    with pytest.raises(ValueError, match=r"^the Vorbis header lists no modes$"):
        packets.read_headers(b"\xff" * 100)


def test_nothing_is_told_of_a_file_that_lacks_no_more_than_its_padding() -> None:
    holes = Holes()
    assert holes.warnings(9.9375, 10.0, 0.0625) == []
    assert holes.warnings(9.75, 10.0, 0.0625) == ["0.25 s are missing at the end, at 9.75 s: damaged"]
