"""What staging writes: one WAV on one clock, held to the length that was accepted."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path

from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from ..protocol import Failure
from .holes import Holes
from .wav_writer import BYTES_PER_SAMPLE, WavWriter

CHANNELS = 2
"""Also of what is mono at its start: it may be stereo later. The same twice is the same to MSST."""
MOST_EXCESS = (1.0, 0.01)
"""Seconds, and a share of what was counted: more than both was hidden from whoever counted."""
MOST_SILENCE = (2.0, 0.1)
"""As much may holes add where they were not counted."""
SILENCE = bytes(1 << 16)


class StagedWav:
    """A context: the stereo WAV is at `path`, whole, after it ends well; otherwise nothing is left.

    Args:
        path: where it shall be.
        first: the first frame; all that follows is brought to its sample rate.
        counted_seconds: how long the probe found the file to be.

    Attributes:
        holes: what is missing in it.
    """

    def __init__(self, path: Path, first: AudioFrame, counted_seconds: float) -> None:
        self._rate = first.sample_rate
        self.holes = Holes()
        self._writer = WavWriter(path, self._rate, CHANNELS)
        self._counted = counted_seconds
        self._shaper = _Shaper(self._rate)
        self._silent_samples = 0

    def __enter__(self) -> StagedWav:
        self._writer.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.__exit__(*error)  # type: ignore[arg-type]

    @property
    def seconds(self) -> float:
        """The length of what was written."""
        return self._writer.samples / self._rate

    @property
    def sounding_seconds(self) -> float:
        """That, without the silence in its holes."""
        return (self._writer.samples - self._silent_samples) / self._rate

    def add(self, frame: AudioFrame, lost_seconds: float) -> None:
        """Write a frame, before which so much is missing.

        Raises:
            Failure: INVALID_AUDIO when there is far more of them than was counted.
        """
        if lost_seconds > 0:
            self._write(self._shaper.rest())
            self._leave_out(lost_seconds)
        self._write(self._shaper.shape(frame))

    def finish(self) -> None:
        """Write what converters still hold back."""
        self._write(self._shaper.rest())

    def _leave_out(self, seconds: float) -> None:
        at = self.seconds
        is_filled = at + seconds <= self._counted + max(MOST_SILENCE[0], MOST_SILENCE[1] * self._counted)
        self.holes.add(at, seconds, is_filled=is_filled)
        if is_filled:
            samples = round(seconds * self._rate)
            self._silent_samples += samples
            left = samples * CHANNELS * BYTES_PER_SAMPLE
            while left > 0:
                self._writer.write(SILENCE[:left])
                left -= len(SILENCE)

    def _write(self, frames: Iterator[AudioFrame]) -> None:
        for frame in frames:
            used = frame.samples * len(frame.layout.channels) * BYTES_PER_SAMPLE
            samples = bytes(frame.planes[0])[:used]
            self._writer.write(samples if len(frame.layout.channels) == CHANNELS else _twice(samples))
        excess = self.sounding_seconds - self._counted
        if excess > MOST_EXCESS[0] and excess > MOST_EXCESS[1] * self._counted:
            raise Failure(
                "INVALID_AUDIO",
                f"The file was counted as {self._counted:.2f} seconds and decodes to "
                f"{self.sounding_seconds:.2f} or more: it is damaged, or hides its length.",
            )


def _twice(mono: bytes) -> bytes:
    samples = array("f", mono)
    both = array("f", bytes(len(mono) * CHANNELS))
    both[0::2] = both[1::2] = samples
    return both.tobytes()


class _Shaper:
    """Brings frames to one format; a new converter whenever the stream changes its own."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._resampler: AudioResampler | None = None
        self._source: tuple[str, str, int] | None = None

    def shape(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        source = (frame.format.name, frame.layout.name, frame.sample_rate)
        if source != self._source:
            yield from self.rest()
            # FFmpeg would make mono stereo at 3 dB less.
            layout = "mono" if len(frame.layout.channels) == 1 else "stereo"
            self._resampler = AudioResampler(format="flt", layout=layout, rate=self._rate)
            self._source = source
        assert self._resampler is not None
        # Joined files start their clocks anew; the converter would fill or cut to follow them.
        frame.pts = None
        yield from self._resampler.resample(frame)

    def rest(self) -> Iterator[AudioFrame]:
        if self._resampler is not None:
            yield from self._resampler.resample(None)
        self._resampler = self._source = None
