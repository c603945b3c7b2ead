"""The streams of sound in an Ogg file, page by page on a clock that runs through: what is lost, and where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from .limits import Deadline
from .ogg_packets import Packets, packets_of
from .ogg_pages import FIRST, LAST, NO_POSITION, Page, pages

MOST_PAGE_SAMPLES = 255 * 8192
"""No page holds more: of 255 packets at most."""
MOST_LOST_AT_START = 2
"""Pages. Where more are missing behind the headers, it may be a broadcast received from its middle on."""


@dataclass
class Link:
    """One stream of sound; a chained file has several, one after the other.

    Attributes:
        serial: its number.
        packets: what they hold.
        headers: its pages before the sound.
        headers_left: packets of headers that are still to come.
        sequence: the number of the page that was read last.
        lost_pages: since the last one whose sound can be placed.
        end: where what was read of it ends, on its own clock, in samples; None: no sound yet.
        held: samples that were read.
        lost: samples that are missing between them.
        begins_late: whether pages are missing behind its headers, more than may be lost.
        late: samples of its own clock before the first of its sound, if so.
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
        """Its length, with what is lost."""
        return max(0, self.held + self.lost - self.packets.skipped) / self.packets.rate


@dataclass(frozen=True)
class SoundPage:
    """A page with sound.

    Attributes:
        link: whose it is.
        raw: its bytes.
        is_torn: whether pages are missing before it.
        lost_seconds: what they held.
        is_odd: whether its position does not fit what its packets hold.
    """

    link: Link
    raw: bytes
    is_torn: bool = False
    lost_seconds: float = 0.0
    is_odd: bool = False


class Streams:
    """Reads the pages with sound of an open Ogg file.

    Attributes:
        count: of streams of any kind that have begun.
        cut_seconds: what a damaged page at the end of the file seems to have held.
    """

    def __init__(self, file: BinaryIO, deadline: Deadline | None = None) -> None:
        self._pages = pages(file, deadline)
        self._link: Link | None = None
        self.count = 0
        self.cut_seconds = 0.0

    def sound_pages(self) -> Iterator[SoundPage]:
        """In their order, those left out that cannot be placed behind a lost one."""
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
        # Streams that begin together run side by side: only one of them is heard.
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
    # A number that is not above the one before it says nothing.
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
    # The last page may say that not all of its last packet is meant.
    is_trimmed = bool(page.flags & LAST) and -held <= shift < 0
    link.held += held + (shift if is_trimmed else 0)
    link.lost += lost
    link.end, link.lost_pages = page.position, 0
    is_odd = not is_trimmed and shift != lost
    return SoundPage(link, page.raw, is_torn, lost / link.packets.rate, is_odd)
