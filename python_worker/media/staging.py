"""Decodes a file that MSST's own decoder cannot read whole into a float WAV that it can."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer

from ..protocol import Container, Failure, StageParams, StageResult
from .decoder import opened, refuse_non_finite
from .wav_writer import BYTES_PER_SAMPLE, WavWriter

SHORTEST_GAP_SECONDS = 0.001
LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


def stage(params: StageParams, is_cancelled: Callable[[], bool]) -> StageResult:
    """Decodes `params.path` into a WAV of 32-bit floats at `params.output_path`, whole or not at all.

    The sample rate stays; more than two channels are mixed down to stereo. Packets that cannot be decoded are
    left out, and counted in a warning. Memory does not grow with the file.

    Returns:
        The shape of what was written; its duration is that of the samples written.

    Raises:
        Failure: CANCELLED once `is_cancelled()`; INVALID_AUDIO when nothing could be decoded.
        OSError: the disk is full or the input is gone.
    """
    with opened(params.path, params.container) as (file, stream):
        decoding = _Decoding(file, stream, is_cancelled)
        frames = decoding.frames()
        first = next(frames, None)
        if first is None:
            raise Failure("INVALID_AUDIO", "Nothing in the file can be decoded: it is damaged.")
        rate, channels = first.sample_rate, len(first.layout.channels)
        written_channels = min(channels, 2)
        with WavWriter(Path(params.output_path), rate, written_channels) as writer:
            shaper = _Shaper(rate, LAYOUTS[written_channels])
            for frame in chain((first,), frames):
                _write(writer, shaper.shape(frame))
            _write(writer, shaper.rest())
        missing_seconds = _declared_seconds(params.container, stream) - writer.samples / rate
    return StageResult(
        task_id=params.task_id,
        attempt=params.attempt,
        sample_rate=rate,
        channels=written_channels,
        duration_seconds=writer.samples / rate,
        warnings=_warnings(channels, decoding.bad_packets, missing_seconds),
    )


class _Decoding:
    """Every frame that can be decoded, and how many packets could not."""

    def __init__(self, file: InputContainer, stream: AudioStream, is_cancelled: Callable[[], bool]) -> None:
        self._file = file
        self._stream = stream
        self._is_cancelled = is_cancelled
        self.bad_packets = 0

    def frames(self) -> Iterator[AudioFrame]:
        packets = self._file.demux(self._stream)
        while True:
            if self._is_cancelled():
                raise Failure("CANCELLED", "The request was cancelled.")
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                decoded = packet.decode()
            except av.FFmpegError:
                self.bad_packets += 1
                continue
            for frame in decoded:
                refuse_non_finite(frame)
                yield frame


class _Shaper:
    """Brings frames to one format; a new converter whenever the stream changes its own."""

    def __init__(self, rate: int, layout: str) -> None:
        self._rate = rate
        self._layout = layout
        self._resampler: AudioResampler | None = None
        self._source: tuple[str, str, int] | None = None

    def shape(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        source = (frame.format.name, frame.layout.name, frame.sample_rate)
        if source != self._source:
            yield from self.rest()
            self._resampler = AudioResampler(format="flt", layout=self._layout, rate=self._rate)
            self._source = source
        assert self._resampler is not None
        # Joined files start their clocks anew; the converter would fill or cut to follow them.
        frame.pts = None
        yield from self._resampler.resample(frame)

    def rest(self) -> Iterator[AudioFrame]:
        if self._resampler is not None:
            yield from self._resampler.resample(None)


def _write(writer: WavWriter, frames: Iterator[AudioFrame]) -> None:
    for frame in frames:
        used = frame.samples * len(frame.layout.channels) * BYTES_PER_SAMPLE
        writer.write(bytes(frame.planes[0])[:used])


def _declared_seconds(container: Container, stream: AudioStream) -> float:
    """What a FLAC says it holds: its damaged frames vanish without a word. Nothing where it says nothing."""
    if container != "flac" or stream.duration is None or stream.time_base is None:
        return 0.0
    return float(stream.duration * stream.time_base)


def _warnings(channels: int, bad_packets: int, missing_seconds: float) -> list[str]:
    warnings = []
    if channels > 2:
        warnings.append(f"the {channels} channels were mixed down to stereo")
    if bad_packets:
        warnings.append(f"{bad_packets} damaged pieces of the file could not be decoded and were left out")
    elif missing_seconds > SHORTEST_GAP_SECONDS:
        warnings.append(f"{missing_seconds:.2f} s of the file are damaged and were left out")
    return warnings
