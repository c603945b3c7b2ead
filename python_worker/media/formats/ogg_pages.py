"""Reads an Ogg file page by page; checksums reveal damaged pages."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ..limits import Deadline
from .windows import Window

CONTINUES, FIRST, LAST = 1, 2, 4
NO_POSITION = -1
HEADER = struct.Struct("<4sBBqIIIB")
CHECKSUM = slice(22, 26)
LONGEST_PAGE = HEADER.size + 255 + 255 * 255
MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class Page:
    """One Ogg page.

    Attributes:
        raw: all of its bytes.
        flags: the bits CONTINUES, FIRST and LAST of its stream.
        position: the granule position; NO_POSITION if no packet ends on it.
        serial: the serial number of its stream.
        sequence: its number in the stream.
        lacing: the segment table: the lengths of the packet segments on it.
        is_whole: whether its checksum is correct.
    """

    raw: bytes
    flags: int
    position: int
    serial: int
    sequence: int
    lacing: bytes
    is_whole: bool

    @property
    def body(self) -> bytes:
        """The payload."""
        return self.raw[HEADER.size + len(self.lacing) :]

    @property
    def continues(self) -> bool:
        """Whether it begins with the continuation of a packet."""
        return bool(self.flags & CONTINUES)

    @property
    def ended_packets(self) -> int:
        """The number of packets that end on it."""
        return len(self.lacing) - self.lacing.count(255)


def pages(file: BinaryIO, deadline: Deadline | None = None) -> Iterator[Page]:
    """Yields every page, including those with a wrong checksum, after which it searches for the next one."""
    window = Window(file, 0, deadline or Deadline(float("inf")))
    at = 0
    while True:
        if len(window.data) - at < LONGEST_PAGE and not window.ended:
            window.move_to(at)
            at = 0
        data = window.data
        if len(data) - at < HEADER.size:
            return
        page = _page(data, at)
        if page is not None:
            yield page
            if page.is_whole:
                at += len(page.raw)
                continue
        if deadline is not None:
            deadline.check()
        found = data.find(b"OggS", at + 1)
        # The last three bytes may be the beginning of the next page's magic.
        at = found if found >= 0 else max(at + 1, len(data) - 3)


def _page(data: bytes, at: int) -> Page | None:
    magic, version, flags, position, serial, sequence, checksum, segments = HEADER.unpack_from(data, at)
    if magic != b"OggS" or version != 0:
        return None
    body = at + HEADER.size + segments
    lacing = data[at + HEADER.size : body]
    raw = data[at : body + sum(lacing)]
    if len(raw) < HEADER.size + segments + sum(lacing) or len(lacing) < segments:
        return None
    return Page(raw, flags, position, serial, sequence, lacing, _checksum(raw) == checksum)


def _checksum(raw: bytes) -> int:
    """The Ogg CRC-32, computed by zlib's: the bit order is reversed, and there are no inversions."""
    blanked = raw[: CHECKSUM.start] + bytes(4) + raw[CHECKSUM.stop :]
    mirrored = zlib.crc32(blanked.translate(MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(MIRRORED), "big")
