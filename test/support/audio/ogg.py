"""Ogg files: Vorbis, Opus, FLAC."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

from .encoder import encode, in_the_middle
from .sound import Sound, kind


@kind("ogg-vorbis")
def vorbis(sound: Sound) -> bytes:
    """Ogg Vorbis; FFmpeg's own encoder makes stereo only."""
    return encode("ogg", "vorbis", sound)


@kind("ogg-opus")
def opus(sound: Sound) -> bytes:
    """Ogg Opus, always 48 kHz inside."""
    return encode("ogg", "libopus", replace(sound, rate=48000))


@kind("ogg-flac")
def _ogg_flac(sound: Sound) -> bytes:
    return encode("ogg", "flac", sound)


@kind("ogg-cut")
def _ogg_cut(sound: Sound) -> bytes:
    return in_the_middle(vorbis(sound))


@kind("opus-cut")
def _opus_cut(sound: Sound) -> bytes:
    return in_the_middle(opus(sound))


@kind("ogg-chained")
def _ogg_chained(sound: Sound) -> bytes:
    return vorbis(sound) + encode("ogg", "vorbis", sound, muxer={"serial_offset": "77"})


@kind("opus-chained")
def _opus_chained(sound: Sound) -> bytes:
    at_48k = replace(sound, rate=48000)
    return opus(sound) + encode("ogg", "libopus", at_48k, muxer={"serial_offset": "77"})


@kind("ogg-chained-rates")
def _ogg_chained_rates(sound: Sound) -> bytes:
    return vorbis(sound) + vorbis(replace(sound, rate=sound.rate // 2))


@kind("opus-chained-mono")
def _opus_chained_mono(sound: Sound) -> bytes:
    return opus(replace(sound, channels=1)) + opus(sound)


def _pages(whole: bytes) -> list[bytes]:
    """About a second of sound in each, behind those of the headers."""
    pages, at = [], 0
    while at < len(whole):
        lacing = whole[at + 27 : at + 27 + whole[at + 26]]
        end = at + 27 + len(lacing) + sum(lacing)
        pages.append(whole[at:end])
        at = end
    return pages


def _with_checksum(page: bytes) -> bytes:
    value = 0
    for byte in page[:22] + bytes(4) + page[26:]:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7 if value >> 31 else value << 1) & 0xFFFFFFFF
    return page[:22] + struct.pack("<I", value) + page[26:]


def _with_position(page: bytes, position: int) -> bytes:
    return _with_checksum(page[:6] + struct.pack("<q", position) + page[14:])


def _without_a_page(whole: bytes) -> bytes:
    pages = _pages(whole)
    del pages[len(pages) // 2]
    return b"".join(pages)


def _with_a_damaged_page(whole: bytes, index: int | None = None) -> bytes:
    pages = _pages(whole)
    at = len(pages) // 2 if index is None else index
    pages[at] = pages[at][:-5] + bytes((pages[at][-5] ^ 0xFF,)) + pages[at][-4:]
    return b"".join(pages)


def _with_positions(whole: bytes, change: Callable[[int, bool], int]) -> bytes:
    pages = _pages(whole)
    for index, page in enumerate(pages):
        (position,) = struct.unpack_from("<q", page, 6)
        if position > 0:
            pages[index] = _with_position(page, change(position, page is pages[-1]))
    return b"".join(pages)


@kind("ogg-lost-page")
def _ogg_lost_page(sound: Sound) -> bytes:
    return _without_a_page(vorbis(sound))


def _without_its_start(whole: bytes) -> bytes:
    """Three pages of sound are missing behind the two of the headers."""
    pages = _pages(whole)
    return b"".join(pages[:2] + pages[5:])


@kind("ogg-begins-late")
def _ogg_begins_late(sound: Sound) -> bytes:
    return _without_its_start(vorbis(replace(sound, seconds=2 * sound.seconds)))


@kind("opus-begins-late")
def _opus_begins_late(sound: Sound) -> bytes:
    return _without_its_start(opus(replace(sound, seconds=2 * sound.seconds)))


@kind("opus-lost-page")
def _opus_lost_page(sound: Sound) -> bytes:
    return _without_a_page(opus(sound))


@kind("ogg-bad-checksum")
def _ogg_bad_checksum(sound: Sound) -> bytes:
    return _with_a_damaged_page(vorbis(sound))


@kind("opus-bad-checksum")
def _opus_bad_checksum(sound: Sound) -> bytes:
    return _with_a_damaged_page(opus(sound))


@kind("ogg-bad-end")
def _ogg_bad_end(sound: Sound) -> bytes:
    return _with_a_damaged_page(vorbis(sound), -1)


@kind("ogg-most-lost")
def _ogg_most_lost(sound: Sound) -> bytes:
    """All but the first and the last page of sound."""
    pages = _pages(vorbis(replace(sound, seconds=4 * sound.seconds)))
    return b"".join((*pages[:3], pages[-1]))


@kind("ogg-wild-end")
def _ogg_wild_end(sound: Sound) -> bytes:
    """The last page says that it ends after 800 years."""
    return _with_positions(vorbis(sound), lambda position, is_last: 1 << 50 if is_last else position)


@kind("opus-forged-positions")
def _opus_forged_positions(sound: Sound) -> bytes:
    """Every page says that it ends within the first hundredth of a second."""
    return _with_positions(opus(sound), lambda position, is_last: 312 + position // 48000)
