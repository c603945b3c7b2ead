"""Decodes a file that MSST's decoder cannot fully read into a float WAV that it can."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from ...protocol import Container, Failure, StageParams, StageResult
from ..decoding.decoder import first_byte, opened, opened_pages
from ..decoding.decoding import Decoding
from ..decoding.ogg_runs import OggRuns
from ..formats import wav_header, wav_rest
from ..formats.container import skip_id3
from ..formats.ogg_streams import Link
from ..limits import Deadline
from .staged_wav import StagedWav

PADDING_SECONDS: dict[Container, float] = {"mp3": 0.1, "mp4": 0.1}
"""Silence that encoders add, and that FFmpeg removes if it can."""
EXACT_SECONDS = 0.005
"""The tolerance for all other containers, for rounding by sample rate converters."""
MOST_TORN = (0.5, 0.1)
"""How much of its declared length a file may lack without counting as cut off: seconds, or a share."""
LEAST_SHARE = 0.5
"""The share of the counted length that must be decodable; otherwise the file is refused."""


def stage(params: StageParams, is_cancelled: Callable[[], bool]) -> StageResult:
    """Decodes `params.path` into a WAV of 32-bit floats at `params.output_path`, atomically.

    The sample rate is kept; if it changes within the file, the first one is used. Mono becomes stereo, and
    more than two channels are mixed down to stereo. Parts that cannot be decoded are replaced by silence, so
    that the rest keeps its position, and a warning says how much is missing and where. Memory use does not
    depend on the file's length.

    Returns:
        The duration of the samples written, and the warnings.

    Raises:
        Failure: CANCELLED when `is_cancelled()`; INVALID_AUDIO when far less or far more was decoded than
            counted.
        OSError: the disk is full or the input no longer exists.
    """
    with Path(params.path).open("rb", buffering=0) as raw:
        return _Staging(params, raw, is_cancelled).run()


class _Staging:
    def __init__(self, params: StageParams, raw: BinaryIO, is_cancelled: Callable[[], bool]) -> None:
        self._params = params
        self._raw = raw
        self._begins = first_byte(raw, params.container, Deadline())
        self._is_cancelled = is_cancelled
        self._counted = params.duration_seconds
        self._tolerance = PADDING_SECONDS.get(params.container, EXACT_SECONDS)
        self._expected = self._counted
        self._output: StagedWav | None = None
        self._first_link: Link | None = None

    def run(self) -> StageResult:
        params = self._params
        frames = self._frames()
        first = next(frames, None)
        if first is None:
            raise Failure("INVALID_AUDIO", "Nothing in the file can be decoded: it is damaged.")
        channels = len(first[0].layout.channels)
        with StagedWav(Path(params.output_path), first[0], self._counted) as output:
            self._output = output
            for frame, lost_seconds in chain((first,), frames):
                output.add(frame, lost_seconds)
            output.finish()
            if output.sounding_seconds < LEAST_SHARE * self._counted:
                raise Failure(
                    "INVALID_AUDIO",
                    f"Only {output.sounding_seconds:.2f} of {self._counted:.2f} seconds of the file can be "
                    "decoded: it is damaged.",
                )
        warnings = [f"the {channels} channels were mixed down to stereo"] if channels > 2 else []
        warnings += self._unread() + self._late()
        return StageResult(
            duration_seconds=output.seconds,
            warnings=[*warnings, *output.holes.warnings(output.seconds, self._expected, self._tolerance)],
        )

    def _frames(self) -> Iterator[tuple[AudioFrame, float]]:
        """Yields all frames, each with the seconds that are missing before it."""
        if self._params.container == "ogg":
            yield from self._frames_of_runs()
            return
        with opened(self._params.path, self._params.container) as (file, stream):
            self._expected = max(self._counted, self._declared_seconds(stream))
            yield from self._decoding(file, stream).frames()

    def _frames_of_runs(self) -> Iterator[tuple[AudioFrame, float]]:
        lost_seconds = 0.0
        for run in OggRuns(self._raw):
            self._first_link = self._first_link or run.link
            lost_seconds += run.lost_seconds
            with ExitStack() as open_run:
                try:
                    file, stream = open_run.enter_context(opened_pages(run.file))
                except Failure:
                    lost_seconds += run.pass_over()
                    continue
                for frame, lost_within in self._decoding(file, stream).frames():
                    yield frame, lost_seconds + lost_within
                    lost_seconds = 0.0

    def _decoding(self, file: InputContainer, stream: AudioStream) -> Decoding:
        # A run of Ogg pages really ends at its end; other demuxers may stop early on damage.
        is_short = self._is_short if self._params.container != "ogg" else lambda: False
        return Decoding(
            file, stream, self._params.container, is_short=is_short, check=self._check, read=self._read
        )

    def _unread(self) -> list[str]:
        if self._params.container != "wav":
            return []
        deadline = Deadline()
        header = wav_header.read(self._raw, skip_id3(self._raw, deadline), deadline)
        seconds = wav_rest.unread_seconds(self._raw, header, deadline)
        place = "a second WAV, or more audio, follows the first in the same file"
        return [f"{seconds:.2f} s are not read: {place}"] if seconds else []

    def _late(self) -> list[str]:
        link = self._first_link
        if link is None or not link.late:
            return []
        seconds = link.late / link.packets.rate
        return [
            f"the Ogg begins at {seconds:.2f} s on its own clock, like a recorded broadcast: "
            "what came before is missing"
        ]

    def _is_short(self) -> bool:
        written = self._output.seconds if self._output else 0.0
        return self._expected - written > self._tolerance

    def _check(self) -> None:
        if self._is_cancelled():
            raise Failure("CANCELLED", "The request was cancelled.")

    def _read(self, at: int, size: int) -> bytes:
        self._raw.seek(self._begins + at)
        return self._raw.read(size)

    def _declared_seconds(self, stream: AudioStream) -> float:
        """The declared length of a FLAC or MP4; 0 if it exceeds the counted length by too much."""
        if self._params.container not in ("flac", "mp4") or not stream.duration or stream.time_base is None:
            return 0.0
        declared = float(stream.duration * stream.time_base)
        more = declared - self._counted
        return declared if more <= max(MOST_TORN[0], MOST_TORN[1] * declared) else 0.0
