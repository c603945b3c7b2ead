"""Detects gaps between MP3 packets by their file positions: the timestamps ignore invalid bytes."""

from __future__ import annotations

from collections.abc import Callable

from av.audio.stream import AudioStream
from av.packet import Packet

TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"3DI")
"""Signatures of tags that may lie between joined files."""
LONGEST_PADDING = 1 << 20
"""A longer run of zero bytes is padding, not a hole."""


class Mp3Gaps:
    """Tracks the file positions of the decoded packets.

    Args:
        read: reads raw bytes of the file, given offset and size.
    """

    def __init__(self, read: Callable[[int, int], bytes]) -> None:
        self._read = read
        self._end: int | None = None
        self._bytes = 0
        self._packets = 0

    def before(self, packet: Packet[AudioStream]) -> float:
        """The seconds missing before a packet, from the bytes between it and the last one; 0 for tags."""
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
        """Whether the bytes between two packets replace lost frames, rather than being tags or zero padding.

        A hole of zeros ends inside a frame, so the rest of it follows; padding ends where a tag or a frame
        begins.
        """
        between = self._read(end, min(start - end, LONGEST_PADDING)).lstrip(b"\0")
        return bool(between) and not between.startswith(TAGS)
