"""Counts the samples in Vorbis and Opus packets from their first bytes, without decoding."""

from __future__ import annotations

from collections.abc import Iterator

from .ogg_pages import Page

OPUS_RATE = 48000
OPUS_SIZES = (480, 960, 1920, 2880) * 3 + (480, 960) * 2 + (120, 240, 480, 960) * 4
"""Samples per frame by the configuration number: SILK, hybrid, CELT."""
OPUS_FRAMES = (1, 2, 2)


class Packets:
    """Counts the samples in the packets of one stream.

    Attributes:
        rate: the sample rate of the stream's granule positions.
        skipped: the number of samples at its start that are not played.
        headers: the number of header packets before the audio.
    """

    rate: int
    skipped: int
    headers: int

    def __init__(self) -> None:
        self._begun = 0

    def read_headers(self, bodies: bytes) -> None:
        """Reads the headers; `bodies` are those of all header pages."""

    def forget(self) -> None:
        """Resets the state carried from page to page, because a page is lost."""
        self._begun = 0

    def samples(self, page: Page) -> int:
        """The number of samples that the packets ending on a page decode to."""
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
    """Opus packets, which are independent of each other."""

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
    """Vorbis packets: half-overlapping blocks, so that the first one yields no samples."""

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
        """Reads the headers; the set-up header, the last one, holds the block sizes by mode."""
        sizes = [self._blocks[is_long] for is_long in _modes(bodies)]
        # Padded to the number of modes that a packet's mode bits can express.
        self._sizes = sizes + [0] * ((1 << (len(sizes) - 1).bit_length()) - len(sizes))

    def forget(self) -> None:
        """Resets the state, including the previous block, which the next one overlaps."""
        super().forget()
        self._before = 0

    def _samples(self, body: bytes, start: int) -> int:
        size = self._sizes[body[start] >> 1 & len(self._sizes) - 1]
        before, self._before = self._before, size
        return (before + size) >> 2 if before else 0


def packets_of(page: Page) -> Packets | None:
    """The packet counter for the stream that begins with this page; None if it is neither Opus nor Vorbis."""
    body = page.body
    if body.startswith(b"OpusHead") and len(body) >= 19:
        return OpusPackets(body)
    if body.startswith(b"\x01vorbis") and len(body) >= 30:
        return VorbisPackets(body)
    return None


def packet_starts(page: Page) -> Iterator[int]:
    """The offsets in the body of the non-empty packets that begin on this page."""
    at, is_start = 0, not page.continues
    for length in page.lacing:
        if is_start and length:
            yield at
        at += length
        is_start = length < 255


def _modes(setup: bytes) -> list[bool]:
    """For every mode, whether its blocks are long. The modes are at the end of the set-up header.

    What precedes them can only be skipped by parsing all of it, so they are searched backwards: each has 41
    bits, of which 16 and 16 must be 0 and 8 are a mapping below 64. Their count precedes them.
    """
    bits = int.from_bytes(setup[-512:], "little")
    width = bits.bit_length() - 1  # without the framing bit, the last bit set
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
