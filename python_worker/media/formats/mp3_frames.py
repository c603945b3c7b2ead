"""Parses the headers of MP3 frames (MPEG 1, 2 and 2.5, Layer III)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

LONGEST = 1445
"""Size of the longest frame in bytes, including the next one's header."""

SHORTEST_FREE, LONGEST_FREE = 24, 5762
"""Limits for the size of a free-format frame in bytes, up to 640 kbit/s; as in libmpg123."""

BITRATES = {
    1: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
MONO = 3


@dataclass(frozen=True)
class Frame:
    """A parsed frame header. Frames of one stream differ only in `bytes` and `bitrate`."""

    bytes: int
    samples: int
    rate: int
    bitrate: int
    is_mono: bool

    def continues(self, other: Frame) -> bool:
        """Whether both can belong to one stream."""
        return (self.rate, self.samples, self.is_mono) == (other.rate, other.samples, other.is_mono)


@cache
def known() -> dict[int, Frame]:
    """Every possible header by its first 26 bits; the rest does not matter here."""
    frames: dict[int, Frame] = {}
    for version, rates in RATES.items():
        generation = 1 if version == 3 else 2
        for at, rate in enumerate(rates):
            for index, kbps in enumerate(BITRATES[generation], start=1):
                for free in range(32):
                    unprotected, private, padding, mode = free >> 4, free >> 3 & 1, free >> 2 & 1, free & 3
                    key = 0x7FF << 15 | version << 13 | 1 << 11 | unprotected << 10 | index << 6
                    key |= at << 4 | padding << 3 | private << 2 | mode
                    size = (144 if generation == 1 else 72) * kbps * 1000 // rate + padding
                    frames[key] = Frame(size, 1152 if generation == 1 else 576, rate, kbps, mode == MONO)
    return frames


def key_at(data: bytes, at: int) -> int:
    """The key into `known` of the header at this index; 0 if less than a header is left."""
    return int.from_bytes(data[at : at + 4], "big") >> 6 if at + 4 <= len(data) else 0


RUN = 4
"""The number of consecutive frames of one stream that rules out a coincidence."""


def find_run(data: bytes) -> int | None:
    """The index of the first of RUN consecutive frames; one less suffices if `data` ends after them."""
    at = data.find(b"\xff")
    while at >= 0:
        if _is_run(data, at):
            return at
        at = data.find(b"\xff", at + 1)
    return None


def _is_run(data: bytes, at: int) -> bool:
    first = known().get(key_at(data, at))
    if first is None:
        return False
    for number in range(RUN):
        frame = known().get(key_at(data, at))
        if frame is None or not frame.continues(first):
            return number == RUN - 1 and at == len(data)
        at += frame.bytes
    return True


def is_free_format(data: bytes) -> bool:
    """Whether `data` begins with RUN free-format frames, recognised only by their constant distance."""
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE6 != 0xE2 or data[2] & 0xF0 or data[2] & 0x0C == 0x0C:
        return False
    distance = data.find(data[:2], SHORTEST_FREE, LONGEST_FREE)
    while distance >= 0:
        at, frames = 0, 1
        while frames < RUN and (after := _same_header(data, at + distance)) is not None:
            at, frames = after, frames + 1
        if frames == RUN:
            return True
        distance = data.find(data[:2], distance + 1, LONGEST_FREE)
    return False


def _same_header(data: bytes, near: int) -> int | None:
    """The index of a header like the first one: here, or one byte off because of padding."""
    for at in (near, near + 1, near - 1):
        is_like = data[at : at + 2] == data[:2] and at + 2 < len(data)
        if is_like and (data[at + 2] ^ data[2]) & 0xFD == 0:
            return at
    return None


def find(data: bytes, farthest: int, at: int = 0) -> int | None:
    """The index of the first confirmed header between `at` and `at + farthest`."""
    end = at + farthest
    while True:
        at = data.find(b"\xff", at, end + 1)
        if at < 0:
            return None
        if is_confirmed(data, at):
            return at
        at += 1


def is_confirmed(data: bytes, at: int) -> bool:
    """Whether a frame begins here that is followed by one of the same stream, a tag or the end of `data`."""
    frame = known().get(key_at(data, at))
    if frame is None:
        return False
    after = at + frame.bytes
    following = known().get(key_at(data, after))
    if following is not None:
        return following.continues(frame)
    return after == len(data) or data[after : after + 3] in (b"TAG", b"APE", b"ID3")
