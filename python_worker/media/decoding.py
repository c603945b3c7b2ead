"""Decodes all of a file that can be decoded, and says what is missing between."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from ..protocol import Container
from .decoder import refuse_non_finite
from .mp3_gaps import Mp3Gaps

SHORTEST_GAP_SECONDS = 0.001
SHORTEST_JUMP_SECONDS = 0.1
"""Of the clock of an MP4 with nothing wrong beside: shorter ones are the unsteady clocks of recorders."""
MOST_STUMBLES = 16
"""Of a demuxer in a row, if its tables do not say how many pieces there are."""


class Decoding:
    """Every frame of a stream that can be decoded.

    Args:
        file, stream: opened, from the start.
        container: which it is.
        is_short: whether there should be more than was decoded so far.
        check: called often; may raise to end it.
        read: gives bytes of the file itself, from an offset on.
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
        """Each with the seconds that are missing before it."""
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
            # A demuxer that says it is at the end may only have looked for a piece that lies nowhere.
            stumbles += 1
            self._check()
            if stumbles > most or not self._is_short():
                yield None
                return
            self._is_damaged = True

    def _lost_before(self, frame: AudioFrame) -> float:
        """By the clock of the file, where something else shows as well that pieces are missing."""
        tick = float(frame.time_base or 0)
        start, seconds = frame.time, frame.samples / frame.sample_rate
        if self._container == "flac" and tick:
            # It counts samples, also where a joined one goes on at another rate.
            seconds = frame.samples * tick
        if start is None:
            # Until the clock is known again, it goes on.
            self._end = None if self._end is None else self._end + seconds
            return 0.0
        expected = self._end
        if expected is None:
            expected = float((self._stream.start_time or 0) * (self._stream.time_base or 0))
        gap = start - expected
        shortest = SHORTEST_JUMP_SECONDS
        # The frames of a FLAC are numbered, and its damaged ones vanish without a word.
        if self._is_damaged or (self._container == "flac" and self._end is not None):
            shortest = SHORTEST_GAP_SECONDS + tick
        elif self._container != "mp4" or self._end is None:
            shortest = float("inf")
        self._end, self._is_damaged = start + seconds, False
        return gap if gap > shortest else 0.0
