"""Reads the audio streams of an Ogg file page by page, and determines what is lost and where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ..limits import Deadline
from .ogg_packets import Packets, packets_of
from .ogg_pages import FIRST, LAST, NO_POSITION, Page, pages

MOST_PAGE_SAMPLES = 255 * 8192
"""The maximum number of samples on a page, which has at most 255 packets."""
MOST_LOST_AT_START = 2
"""Maximum pages that count as lost after the headers; if more are missing, the file may be a recording of a
broadcast from its middle on."""


@dataclass
class Link:
    """One audio stream; a chained file has several, one after the other.

    Attributes:
        serial: its serial number.
        packets: counts the samples in its packets.
        headers: its header pages.
        headers_left: the number of header packets not read yet.
        sequence: the number of the last page read.
        lost_pages: the pages lost since the last page whose position is known.
        end: the position, in samples, where the audio read so far ends; None before any audio.
        held: the number of samples read.
        lost: the number of samples missing in between.
        begins_late: whether more than MOST_LOST_AT_START pages are missing after its headers.
        late: if it begins late, the position of its first sample.
    """

    serial: int
    packets: Packets
    headers: list[Page]
    headers_left: int
    sequence: int = 0
    lost_pages: int = 0
    end: int | None = None
    held: int = 0
    lost: int = 0
    begins_late: bool = False
    late: int = 0

    @property
    def seconds(self) -> float:
        """Its length, including lost samples."""
        return max(0, self.held + self.lost - self.packets.skipped) / self.packets.rate


@dataclass(frozen=True)
class SoundPage:
    """A page with audio.

    Attributes:
        link: its stream.
        raw: its bytes.
        is_torn: whether pages are missing before it.
        lost_seconds: the length of the missing pages.
        is_odd: whether its position does not match the samples in its packets.
    """

    link: Link
    raw: bytes
    is_torn: bool = False
    lost_seconds: float = 0.0
    is_odd: bool = False


class Streams:
    """Reads the audio pages of an open Ogg file.

    Attributes:
        count: the number of streams of any kind so far.
        cut_seconds: the estimated length of a damaged page at the end of the file.
    """

    def __init__(self, file: BinaryIO, deadline: Deadline | None = None) -> None:
        self._pages = pages(file, deadline)
        self._link: Link | None = None
        self.count = 0
        self.cut_seconds = 0.0

    def sound_pages(self) -> Iterator[SoundPage]:
        """Yields the audio pages in order, except those after a lost page whose position is unknown."""
        was_first = False
        for page in self._pages:
            if not page.is_whole:
                self._note_cut(page)
                continue
            if page.flags & FIRST:
                self._begin(page, is_beside=was_first)
            elif self._link is not None and page.serial == self._link.serial:
                self.cut_seconds = 0.0
                sound = _take(self._link, page)
                if sound is not None:
                    yield sound
            was_first = bool(page.flags & FIRST)

    def _begin(self, page: Page, is_beside: bool) -> None:
        self.count += 1
        packets = packets_of(page)
        # Streams that begin together are parallel: only one of them is played.
        if packets is not None and not (is_beside and self._link is not None):
            self._link = Link(page.serial, packets, [page], packets.headers - 1, page.sequence)

    def _note_cut(self, page: Page) -> None:
        link = self._link
        if link is None or page.serial != link.serial or link.end is None or page.position == NO_POSITION:
            return
        samples = page.position - link.end
        self.cut_seconds = samples / link.packets.rate if 0 < samples <= MOST_PAGE_SAMPLES else 0.0


def _take(link: Link, page: Page) -> SoundPage | None:
    lost_pages, link.sequence = page.sequence - link.sequence - 1, page.sequence
    if link.headers_left > 0:
        link.headers.append(page)
        link.headers_left -= page.ended_packets
        if link.headers_left <= 0:
            link.packets.read_headers(b"".join(header.body for header in link.headers))
        return None
    # A sequence number that does not increase says nothing about lost pages.
    if lost_pages > 0 and (link.end is not None or lost_pages <= MOST_LOST_AT_START):
        link.lost_pages += lost_pages
    elif lost_pages > 0:
        link.begins_late = True
    if link.lost_pages:
        link.packets.forget()
        if page.position == NO_POSITION:
            link.lost_pages += 1
            return None
    held = link.packets.samples(page)
    if page.position == NO_POSITION:
        return SoundPage(link, page.raw)
    return _place(link, page, held)


def _place(link: Link, page: Page, held: int) -> SoundPage:
    start = page.position - held
    expected = link.end
    if expected is None:
        expected = 0 if link.lost_pages else max(0, start)
        link.late = expected if link.begins_late else 0
    shift = start - expected
    is_torn = link.lost_pages > 0
    lost = shift if 0 < shift <= link.lost_pages * MOST_PAGE_SAMPLES else 0
    # The position of the last page may trim the end of its last packet.
    is_trimmed = bool(page.flags & LAST) and -held <= shift < 0
    link.held += held + (shift if is_trimmed else 0)
    link.lost += lost
    link.end, link.lost_pages = page.position, 0
    is_odd = not is_trimmed and shift != lost
    return SoundPage(link, page.raw, is_torn, lost / link.packets.rate, is_odd)
