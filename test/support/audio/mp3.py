"""MP3 files."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

from .encoder import damaged, encode, in_the_middle
from .sound import MAKERS, Maker, Sound, kind
from .tags import id3_tag

PLAIN_MP3 = {"write_xing": "0", "id3v2_version": "0"}
VARIABLE = {"flags": "+qscale", "global_quality": "472"}


@kind("mp3")
def mp3(sound: Sound) -> bytes:
    """MP3 with a Xing/Info frame, which says the number of frames and the encoder's delay."""
    return encode("mp3", "libmp3lame", sound, muxer={"id3v2_version": "0"})


@kind("mp3-no-xing")
def _mp3_no_xing(sound: Sound) -> bytes:
    return encode("mp3", "libmp3lame", sound, muxer=PLAIN_MP3)


@kind("mp3-vbr")
def _mp3_vbr(sound: Sound) -> bytes:
    return encode("mp3", "libmp3lame", sound, muxer={"id3v2_version": "0"}, encoder=VARIABLE)


@kind("mp3-vbr-no-xing")
def _mp3_vbr_no_xing(sound: Sound) -> bytes:
    return encode("mp3", "libmp3lame", sound, muxer=PLAIN_MP3, encoder=VARIABLE)


@kind("mp3-id3")
def _mp3_id3(sound: Sound) -> bytes:
    return id3_tag(picture=False) + mp3(sound) + b"TAG" + b"a title".ljust(125, b"\0")


@kind("mp3-cover-art")
def _mp3_cover_art(sound: Sound) -> bytes:
    return id3_tag(picture=True) + mp3(sound)


@kind("mp3-joined")
def _mp3_joined(sound: Sound) -> bytes:
    return mp3(sound) + mp3(sound)


@kind("mp3-joined-no-xing")
def _mp3_joined_no_xing(sound: Sound) -> bytes:
    return _mp3_no_xing(sound) * 2


@kind("mp3-joined-tags")
def _mp3_joined_tags(sound: Sound) -> bytes:
    return _mp3_id3(sound) * 2


@kind("mp3-xing-too-small")
def _mp3_xing_too_small(sound: Sound) -> bytes:
    return _with_xing_frames(mp3(sound), lambda frames: frames // 2)


@kind("mp3-xing-too-large")
def _mp3_xing_too_large(sound: Sound) -> bytes:
    return _with_xing_frames(mp3(sound), lambda frames: frames * 2)


@kind("mp3-joined-bitrates")
def _mp3_joined_bitrates(sound: Sound) -> bytes:
    slower = replace(sound, bitrate=sound.bitrate // 2)
    return _mp3_no_xing(sound) + _mp3_no_xing(slower)


@kind("mp3-joined-mono")
def _mp3_joined_mono(sound: Sound) -> bytes:
    return _mp3_no_xing(sound) + _mp3_no_xing(replace(sound, channels=1))


@kind("mp3-joined-rates")
def _mp3_joined_rates(sound: Sound) -> bytes:
    return _mp3_no_xing(sound) + _mp3_no_xing(replace(sound, rate=sound.rate // 2))


@kind("mp3-trailing-garbage")
def _mp3_trailing_garbage(sound: Sound) -> bytes:
    return mp3(sound) + bytes(100_000)


@kind("mp3-no-xing-trailing-garbage")
def _mp3_no_xing_trailing_garbage(sound: Sound) -> bytes:
    return _mp3_no_xing(sound) + bytes(100_000)


@kind("mp3-cut")
def _mp3_cut(sound: Sound) -> bytes:
    return in_the_middle(mp3(sound))


@kind("mp3-cut-no-xing")
def _mp3_cut_no_xing(sound: Sound) -> bytes:
    return in_the_middle(_mp3_no_xing(sound))


@kind("mp3-damaged")
def _mp3_damaged(sound: Sound) -> bytes:
    """Random bytes over 2,000 in the middle: five frames are lost."""
    return damaged(mp3(sound), 2000)


@kind("mp3-zeroed")
def _mp3_zeroed(sound: Sound) -> bytes:
    """Zeros over 2,000 bytes in the middle, as a disk or a download leaves them."""
    whole = mp3(sound)
    middle = len(whole) // 2
    return whole[:middle] + bytes(2000) + whole[middle + 2000 :]


@kind("mp3-joined-zeros")
def _mp3_joined_zeros(sound: Sound) -> bytes:
    """Padded with zeros up to a whole block before the next one follows."""
    return mp3(sound) + bytes(4096) + mp3(sound)


@kind("mp2")
def _mp2(sound: Sound) -> bytes:
    return encode("mp2", "mp2", sound)


@kind("mp3-no-samples")
def _mp3_no_samples(_sound: Sound) -> bytes:
    return id3_tag(picture=True)


def _after(junk: bytes) -> Maker:
    """An MP3 that does not begin with a frame."""

    def maker(sound: Sound) -> bytes:
        return junk + _mp3_no_xing(sound)

    return maker


APE_TAG = b"APETAGEX" + struct.pack("<IIII", 2000, 32, 0, 0xA0000000) + bytes(8)
HTTP = b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nicy-name: a station\r\n\r\n"
MAKERS["mp3-zeros-first"] = _after(bytes(100_000))
MAKERS["mp3-ape-first"] = _after(APE_TAG + bytes(32))
MAKERS["mp3-id3v1-first"] = _after(b"TAG" + bytes(125))
MAKERS["mp3-http-first"] = _after(HTTP)
MAKERS["mp3-bom-first"] = _after(b"\xef\xbb\xbf")
MAKERS["mp3-id3-wide-size"] = _after(b"ID3\x03\0\0" + struct.pack(">I", 100_000) + bytes(100_000))


@kind("mp3-id3-then-zeros")
def _mp3_id3_then_zeros(sound: Sound) -> bytes:
    return id3_tag(picture=False) + MAKERS["mp3-zeros-first"](sound)


@kind("mp3-zeros-first-joined")
def _mp3_zeros_first_joined(sound: Sound) -> bytes:
    """Zeros in front, and a tag between the two."""
    return MAKERS["mp3-zeros-first"](sound) + id3_tag(picture=True) + _mp3_no_xing(sound)


@kind("mp3-mid-frame")
def _mp3_mid_frame(sound: Sound) -> bytes:
    """As a recorded broadcast begins."""
    return _mp3_no_xing(sound)[5 * 417 + 200 :]


@kind("mp3-free-format")
def _mp3_free_format(sound: Sound) -> bytes:
    """The frames do not name their bit rate."""
    whole, at = bytearray(_mp3_no_xing(sound)), 0
    while at < len(whole):
        is_padded = whole[at + 2] >> 1 & 1
        whole[at + 2] &= 0x0F
        at += 144 * sound.bitrate // sound.rate + is_padded
    return bytes(whole)


@kind("mp3-tags-last")
def _mp3_tags_last(sound: Sound) -> bytes:
    """An APE tag with a picture, lyrics and an ID3v1 tag at the end."""
    lyrics = b"LYRICSBEGIN" + b"words " * 300 + b"000018LYRICS200"
    ape = b"APETAGEX" + struct.pack("<IIII", 2000, 4032, 1, 0xA0000000) + bytes(8) + bytes(range(250)) * 16
    return _mp3_no_xing(sound) + ape + lyrics + b"TAG" + bytes(125)


@kind("mp3-three-frames")
def _mp3_three_frames(sound: Sound) -> bytes:
    """Too few frames behind junk to be sure of."""
    return b"junk" + _mp3_no_xing(sound)[: 3 * 417]


@kind("mp3-tags-alone")
def _mp3_tags_alone(_sound: Sound) -> bytes:
    """Six million empty tags."""
    return b"ID3\x03\0\0\0\0\0\0" * 6_000_000


def _with_xing_frames(whole: bytes, change: Callable[[int], int]) -> bytes:
    at = max(whole.find(b"Xing", 0, 200), whole.find(b"Info", 0, 200)) + 8
    (frames,) = struct.unpack_from(">I", whole, at)
    return whole[:at] + struct.pack(">I", change(frames)) + whole[at + 4 :]
