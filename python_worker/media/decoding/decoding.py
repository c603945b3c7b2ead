"""Decodes everything in a file that can be decoded, and detects gaps in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from ...protocol import Container
from .decoder import refuse_non_finite
from .mp3_gaps import Mp3Gaps

SHORTEST_GAP_SECONDS = 0.001
SHORTEST_JUMP_SECONDS = 0.1
"""The shortest jump in an undamaged MP4's timestamps that counts as a gap; recorders' clocks are unsteady."""
MOST_STUMBLES = 16
"""Maximum consecutive demuxer failures, if the file's tables do not say how many packets there are."""


class Decoding:
    """Decodes every decodable frame of a stream.

    Args:
        file, stream: the opened file and its audio stream, at the start.
        container: the file's container.
        is_short: returns whether less has been decoded than expected.
        check: called often; may raise to cancel.
        read: reads raw bytes of the file, given offset and size.
    """

    def __init__(
        self,
        file: InputContainer,
        stream: AudioStream,
        container: Container,
        *,
        is_short: Callable[[], bool],
        check: Callable[[], None],
        read: Callable[[int, int], bytes],
    ) -> None:
        self._file = file
        self._stream = stream
        self._container = container
        self._is_short = is_short
        self._check = check
        self._is_damaged = False
        self._end: float | None = None
        self._mp3 = Mp3Gaps(read) if container == "mp3" else None

    def frames(self) -> Iterator[tuple[AudioFrame, float]]:
        """Yield each frame with the seconds that are missing before it."""
        for packet in self._packets():
            try:
                frames = self._stream.codec_context.decode(packet)
            except av.FFmpegError:
                self._is_damaged = True
                continue
            lost = self._mp3.before(packet) if self._mp3 and packet and frames else 0.0
            for frame in frames:
                refuse_non_finite(frame)
                yield frame, max(lost, self._lost_before(frame))
                lost = 0.0

    def _packets(self) -> Iterator[Packet[AudioStream] | None]:
        stumbles, most = 0, max(self._stream.frames, MOST_STUMBLES)
        while True:
            try:
                for packet in self._file.demux(self._stream):
                    self._check()
                    if packet.size:
                        stumbles = 0
                        yield packet
            except av.FFmpegError:
                self._is_damaged = True
            # A demuxer may report the end of the file only because a packet's offset is invalid.
            stumbles += 1
            self._check()
            if stumbles > most or not self._is_short():
                yield None
                return
            self._is_damaged = True

    def _lost_before(self, frame: AudioFrame) -> float:
        """The gap in timestamps before a frame, if there is other evidence too that packets are missing."""
        tick = float(frame.time_base or 0)
        start, seconds = frame.time, frame.samples / frame.sample_rate
        if self._container == "flac" and tick:
            # FLAC timestamps count samples, even when a joined file continues at another rate.
            seconds = frame.samples * tick
        if start is None:
            # No timestamp: extrapolate until there is one again.
            self._end = None if self._end is None else self._end + seconds
            return 0.0
        expected = self._end
        if expected is None:
            expected = float((self._stream.start_time or 0) * (self._stream.time_base or 0))
        gap = start - expected
        shortest = SHORTEST_JUMP_SECONDS
        # FLAC frames are numbered, and damaged ones are dropped silently.
        if self._is_damaged or (self._container == "flac" and self._end is not None):
            shortest = SHORTEST_GAP_SECONDS + tick
        elif self._container != "mp4" or self._end is None:
            shortest = float("inf")
        self._end, self._is_damaged = start + seconds, False
        return gap if gap > shortest else 0.0
