"""What is missing between two packets of an MP3: its clock knows nothing of bytes that are no frames."""

from __future__ import annotations

from collections.abc import Callable

from av.audio.stream import AudioStream
from av.packet import Packet

TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"3DI")
"""How what is no sound begins, where files were joined."""
LONGEST_PADDING = 1 << 20
"""Zeros of more bytes are no hole in a song."""


class Mp3Gaps:
    """Looks at the places of the packets that were decoded.

    Args:
        read: gives so many bytes of the file from an offset on.
    """

    def __init__(self, read: Callable[[int, int], bytes]) -> None:
        self._read = read
        self._end: int | None = None
        self._bytes = 0
        self._packets = 0

    def before(self, packet: Packet[AudioStream]) -> float:
        """Seconds of the whole frames that the bytes before a packet would hold; 0 for tags."""
        end, start = self._end, packet.pos
        if start is None or packet.duration is None or packet.time_base is None:
            return 0.0
        lost = 0.0
        if end is not None and start > end and self._bytes and self._was_sound(end, start):
            frames = round((start - end) * self._packets / self._bytes)
            lost = frames * float(packet.duration * packet.time_base)
        self._end = start + packet.size
        self._bytes += packet.size
        self._packets += 1
        return lost

    def _was_sound(self, end: int, start: int) -> bool:
        """Whether frames stood where none does; not so for tags, and the zeros between joined files.

        A hole of zeros ends within a frame, whose rest is left; padding ends where a tag or frame begins.
        """
        between = self._read(end, min(start - end, LONGEST_PADDING)).lstrip(b"\0")
        return bool(between) and not between.startswith(TAGS)
