"""How many samples the packets of Vorbis and Opus hold, told by their first bytes: nothing is decoded."""

from __future__ import annotations

from collections.abc import Iterator

from .ogg_pages import Page

OPUS_RATE = 48000
OPUS_SIZES = (480, 960, 1920, 2880) * 3 + (480, 960) * 2 + (120, 240, 480, 960) * 4
"""Samples of a frame, by its configuration: SILK, hybrid, CELT."""
OPUS_FRAMES = (1, 2, 2)


class Packets:
    """The packets of one stream.

    Attributes:
        rate: of its samples.
        skipped: samples at its start that are not played.
        headers: how many packets come before the sound.
    """

    rate: int
    skipped: int
    headers: int

    def __init__(self) -> None:
        self._begun = 0

    def read_headers(self, bodies: bytes) -> None:
        """Take in what follows the first header."""

    def forget(self) -> None:
        """A page is lost: what it had to do with the next one is, too."""
        self._begun = 0

    def samples(self, page: Page) -> int:
        """What the packets that end on a page decode to."""
        total = last = 0
        if page.continues and page.ended_packets:
            total, self._begun = self._begun, 0
        body = page.body
        for start in packet_starts(page):
            last = self._samples(body, start)
            total += last
        if page.lacing.endswith(b"\xff"):
            total, self._begun = total - last, self._begun + last
        return total

    def _samples(self, body: bytes, start: int) -> int:
        raise NotImplementedError


class OpusPackets(Packets):
    """Those of Opus, which are independent of each other."""

    rate = OPUS_RATE
    headers = 2

    def __init__(self, identification: bytes) -> None:
        super().__init__()
        self.skipped = int.from_bytes(identification[10:12], "little")

    def _samples(self, body: bytes, start: int) -> int:
        kind = body[start]
        if kind & 3 < 3:
            return OPUS_SIZES[kind >> 3] * OPUS_FRAMES[kind & 3]
        return OPUS_SIZES[kind >> 3] * (int.from_bytes(body[start + 1 : start + 2], "little") & 63)


class VorbisPackets(Packets):
    """Those of Vorbis: blocks that overlap by half, so that the first one gives nothing yet."""

    skipped = 0
    headers = 3

    def __init__(self, identification: bytes) -> None:
        super().__init__()
        self.rate = int.from_bytes(identification[12:16], "little")
        exponents = identification[28]
        self._blocks = (1 << (exponents & 15), 1 << (exponents >> 4))
        self._sizes = [0]
        self._before = 0

    def read_headers(self, bodies: bytes) -> None:
        """Take in comments and set-up, of which the last holds the sizes of the blocks."""
        sizes = [self._blocks[is_long] for is_long in _modes(bodies)]
        # As many as the bits of a packet can name.
        self._sizes = sizes + [0] * ((1 << (len(sizes) - 1).bit_length()) - len(sizes))

    def forget(self) -> None:
        """As ever; and the half of the block before the next one."""
        super().forget()
        self._before = 0

    def _samples(self, body: bytes, start: int) -> int:
        size = self._sizes[body[start] >> 1 & len(self._sizes) - 1]
        before, self._before = self._before, size
        return (before + size) >> 2 if before else 0


def packets_of(page: Page) -> Packets | None:
    """The packets of the stream that begins with this page; None: it is no sound that we know."""
    body = page.body
    if body.startswith(b"OpusHead") and len(body) >= 19:
        return OpusPackets(body)
    if body.startswith(b"\x01vorbis") and len(body) >= 30:
        return VorbisPackets(body)
    return None


def packet_starts(page: Page) -> Iterator[int]:
    """Where in the body the packets begin that begin on this page and are not empty."""
    at, is_start = 0, not page.continues
    for length in page.lacing:
        if is_start and length:
            yield at
        at += length
        is_start = length < 255


def _modes(setup: bytes) -> list[bool]:
    """For every mode, whether its blocks are long. The modes stand at the end of the set-up header.

    What precedes them can only be skipped by reading all of it, so they are searched from behind: each is
    41 bits, of which 16 and 16 must be 0 and 8 name a mapping below 64, and their number stands before them.
    """
    bits = int.from_bytes(setup[-512:], "little")
    width = bits.bit_length() - 1  # without the framing bit, the last one set
    flags: list[bool] = []
    found: list[bool] = []
    while width >= 41 + 6 and len(flags) < 64:
        mode = bits >> (width - 41) & (1 << 41) - 1
        if mode >> 33 > 63 or mode >> 1 & 0xFFFFFFFF:
            break
        flags.append(bool(mode & 1))
        width -= 41
        if (bits >> (width - 6) & 63) + 1 == len(flags):
            found = flags[::-1]
    if not found:
        raise ValueError("the Vorbis header lists no modes")
    return found
