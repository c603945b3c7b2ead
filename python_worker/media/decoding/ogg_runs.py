"""Splits an Ogg file into runs that FFmpeg can read: pages of one stream with none missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ..formats.ogg_streams import Link, SoundPage, Streams


@dataclass(frozen=True)
class Run:
    """Consecutive pages of one stream.

    Attributes:
        link: the stream.
        file: its headers and these pages; can be read once, from the start.
        lost_seconds: the seconds missing before the run.
        seconds_before: the length of the stream before the run.
    """

    link: Link
    file: RunFile
    lost_seconds: float
    seconds_before: float

    def pass_over(self) -> float:
        """Skips the run. Returns its length in seconds."""
        self.file.pass_over()
        return self.link.seconds - self.seconds_before


class RunFile:
    """A file object for FFmpeg without seeking. At most one page is held in memory."""

    def __init__(self, headers: bytes, pages: Iterator[bytes]) -> None:
        self._pages = pages
        self._rest = headers

    def read(self, size: int) -> bytes:
        """Reads up to `size` bytes; empty at the end."""
        if not self._rest:
            self._rest = next(self._pages, b"")
        part, self._rest = self._rest[:size], self._rest[size:]
        return part

    def pass_over(self) -> None:
        """Skips the pages that were not read."""
        for _ in self._pages:
            pass


class OggRuns:
    """Iterates over the runs of an open Ogg file; each must be read or skipped before the next."""

    def __init__(self, file: BinaryIO) -> None:
        self._pages = Streams(file).sound_pages()
        self._next = next(self._pages, None)

    def __iter__(self) -> Iterator[Run]:
        before: SoundPage | None = None
        while (first := self._next) is not None:
            link = first.link
            lost_seconds, seconds_before = first.lost_seconds, 0.0
            if before is not None and before.link is link:
                seconds_before = link.seconds
                # FFmpeg skips these samples at the start of every run, not only of the stream.
                lost_seconds += link.packets.skipped / link.packets.rate
            file = RunFile(b"".join(header.raw for header in link.headers), self._run(first))
            yield Run(link, file, lost_seconds, seconds_before)
            file.pass_over()
            before = first

    def _run(self, first: SoundPage) -> Iterator[bytes]:
        page: SoundPage | None = first
        while page is not None and page.link is first.link and (page is first or not page.is_torn):
            yield page.raw
            page = self._next = next(self._pages, None)
