"""Counts the samples of an Ogg file from the positions that its pages carry."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from .extent import Extent, Window
from .limits import Deadline

FIRST_PAGE = 2
NO_POSITION = -1
HEADER = struct.Struct("<4sBBqIIIB")
LONGEST_PAGE = HEADER.size + 255 + 255 * 255


@dataclass
class _Link:
    """One logical stream of sound; a chained file has several, one after the other."""

    serial: int
    skipped: int
    position: int = 0


def measure(file: BinaryIO, first_position: int, deadline: Deadline) -> Extent:
    """The extent of an open Ogg file. A cut file looks whole: it declares nothing.

    Args:
        first_position: where the sound begins on the stream's own clock; above 0 in a recorded broadcast.
    """
    links: list[_Link] = []
    streams = 0
    for flags, position, serial, start in _pages(file, deadline):
        if flags & FIRST_PAGE:
            streams += 1
            link = _sound(serial, start)
            if link is not None:
                links.append(link)
        elif links and links[-1].serial == serial and position != NO_POSITION:
            links[-1].position = max(position, links[-1].position)
    samples = sum(max(0, link.position - link.skipped) for link in links) - first_position
    reason = "MSST's decoder reads only the first of the Ogg streams in it" if streams > 1 else None
    return Extent(max(0, samples), staging_reason=reason)


def _sound(serial: int, start: bytes) -> _Link | None:
    if start.startswith(b"OpusHead") and len(start) >= 12:
        return _Link(serial, skipped=int.from_bytes(start[10:12], "little"))
    if start.startswith(b"\x01vorbis"):
        return _Link(serial, skipped=0)
    return None


def _pages(file: BinaryIO, deadline: Deadline) -> Iterator[tuple[int, int, int, bytes]]:
    """Every whole page: flags, position, serial number, and how its body starts."""
    window = Window(file, 0, deadline)
    at = 0
    while True:
        if len(window.data) - at < LONGEST_PAGE and not window.ended:
            window.move_to(at)
            at = 0
        data = window.data
        if len(data) - at < HEADER.size:
            return
        magic, version, flags, position, serial, _, _, segments = HEADER.unpack_from(data, at)
        if magic != b"OggS" or version != 0:
            found = data.find(b"OggS", at + 1)
            # The last three bytes may begin the next page's magic.
            at = found if found >= 0 else max(at + 1, len(data) - 3)
            continue
        body = at + HEADER.size + segments
        after = body + sum(data[at + HEADER.size : body])
        if after > len(data):
            return
        yield flags, position, serial, data[body : body + 12]
        at = after
