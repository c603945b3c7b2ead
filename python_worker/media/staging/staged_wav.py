"""The WAV that staging writes: one sample rate, and a length limited by the counted one."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path

from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from ...protocol import Failure
from .holes import Holes
from .wav_writer import BYTES_PER_SAMPLE, WavWriter

CHANNELS = 2
"""Stereo even if the file begins in mono: it may change later. To MSST, duplicated mono is the same."""
MOST_EXCESS = (1.0, 0.01)
"""Seconds, and a share of the counted length. A file that exceeds both hides its real length."""
MOST_SILENCE = (2.0, 0.1)
"""How much silence in holes may exceed the counted length: seconds, or a share, whichever is more."""
SILENCE = bytes(1 << 16)


class StagedWav:
    """A context manager that writes a stereo WAV to `path` atomically; on error nothing is left.

    Args:
        path: the file to create.
        first: the first frame; all others are converted to its sample rate.
        counted_seconds: the file's length as counted by the probe.

    Attributes:
        holes: the parts that are missing.
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
        """The length written so far."""
        return self._writer.samples / self._rate

    @property
    def sounding_seconds(self) -> float:
        """The length written so far, without the silence in holes."""
        return (self._writer.samples - self._silent_samples) / self._rate

    def add(self, frame: AudioFrame, lost_seconds: float) -> None:
        """Writes a frame, after a hole of `lost_seconds`.

        Raises:
            Failure: INVALID_AUDIO when the audio far exceeds the counted length.
        """
        if lost_seconds > 0:
            self._write(self._shaper.rest())
            self._leave_out(lost_seconds)
        self._write(self._shaper.shape(frame))

    def finish(self) -> None:
        """Writes the samples that the converter still buffers."""
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
    """Converts frames to one format, with a new converter whenever the stream's format changes."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._resampler: AudioResampler | None = None
        self._source: tuple[str, str, int] | None = None

    def shape(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        source = (frame.format.name, frame.layout.name, frame.sample_rate)
        if source != self._source:
            yield from self.rest()
            # Mono is kept: FFmpeg would attenuate it by 3 dB in converting to stereo.
            layout = "mono" if len(frame.layout.channels) == 1 else "stereo"
            self._resampler = AudioResampler(format="flt", layout=layout, rate=self._rate)
            self._source = source
        assert self._resampler is not None
        # Timestamps restart in joined files; the converter would pad or trim to follow them.
        frame.pts = None
        yield from self._resampler.resample(frame)

    def rest(self) -> Iterator[AudioFrame]:
        if self._resampler is not None:
            yield from self._resampler.resample(None)
        self._resampler = self._source = None
