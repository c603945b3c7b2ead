"""An Ogg file as FFmpeg can read it: in runs of pages between which none is lost and no stream begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from .ogg_streams import Link, SoundPage, Streams


@dataclass(frozen=True)
class Run:
    """Pages that follow each other.

    Attributes:
        link: the stream that they belong to.
        file: its headers and these pages, to be read once and from the start.
        lost_seconds: what is missing before them.
    """

    link: Link
    file: RunFile
    lost_seconds: float
    seconds_before: float

    def pass_over(self) -> float:
        """Leave it out; returns its length in seconds."""
        self.file.pass_over()
        return self.link.seconds - self.seconds_before


class RunFile:
    """What FFmpeg needs of a file that it cannot seek in. Only a page of it is ever held."""

    def __init__(self, headers: bytes, pages: Iterator[bytes]) -> None:
        self._pages = pages
        self._rest = headers

    def read(self, size: int) -> bytes:
        """Up to so many of the next bytes; none at the end."""
        if not self._rest:
            self._rest = next(self._pages, b"")
        part, self._rest = self._rest[:size], self._rest[size:]
        return part

    def pass_over(self) -> None:
        """Leave out what was not read."""
        for _ in self._pages:
            pass


class OggRuns:
    """Splits an open Ogg file into runs; each must be read, or passed over, before the next."""

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
                # FFmpeg leaves these out at the start of every run.
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
