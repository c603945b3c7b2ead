"""How many samples the packets of an Ogg stream hold."""

from __future__ import annotations

import struct

import pytest
from ogg_bytes import ogg_page

from python_worker.media.formats.ogg_packets import OPUS_SIZES, OpusPackets, packets_of
from python_worker.media.formats.ogg_pages import CONTINUES, HEADER, NO_POSITION, Page


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
