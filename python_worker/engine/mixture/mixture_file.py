"""A mixture too long for memory: decoded to disk block by block, with the result of `librosa.load`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy
import soxr

from .libsndfile import require_length, require_not_longer

BLOCK_FRAMES = 1 << 18
# librosa's default resampler.
QUALITY = "soxr_hq"

Audio = numpy.ndarray[Any, Any]


class MixtureFile:
    """A decoded mixture on disk, float32, read piece by piece.

    Args:
        file: interleaved samples; closed by this object.
        samples: the length in samples per channel.
        channels: one or two.
    """

    def __init__(self, file: BinaryIO, samples: int, channels: int) -> None:
        self._file = file
        self.samples = samples
        self.channels = channels

    def __enter__(self) -> MixtureFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def read(self, start: int, stop: int, shift: int = 0) -> Audio:
        """Read the samples from start to before stop, of shape (channels, samples).

        Args:
            shift: read the mixture rotated by this: so many samples are moved from its end to its beginning.
        """
        spans = circular(start - shift, stop - shift, self.samples)
        piece: Audio = numpy.concatenate([self._read(*span) for span in spans], axis=1)
        return piece

    def _read(self, start: int, stop: int) -> Audio:
        self._file.seek(start * self.channels * 4)
        count = (stop - start) * self.channels
        piece: Audio = numpy.frombuffer(self._file.read(count * 4), numpy.float32)
        planar: Audio = piece.reshape(-1, self.channels).T
        return planar


def circular(start: int, stop: int, samples: int) -> list[tuple[int, int]]:
    """The one or two ranges that [start, stop) covers in a mixture that wraps around at its end."""
    begin = start % samples
    end = begin + stop - start
    return [(begin, end)] if end <= samples else [(begin, samples), (0, end - samples)]


def decode_to_file(
    source: Any,
    sample_rate: int,
    into: Path,
    change: Callable[[Audio], Audio],
    duration_seconds: float,
) -> MixtureFile:
    """Decode and resample a mixture.

    Equal to `librosa.load(path, sr=sample_rate, mono=False)`: the same resampler, fed block by block. The
    samples of an MP3 may differ by 1e-6, because its decoder rounds differently at block boundaries.

    Args:
        source: the mixture, as a `SoundFile`.
        into: a new file in the scratch folder, deleted with it.
        change: called with each block, of shape (channels, samples); may check it and change its channels.
        duration_seconds: the counted length; decoding stops soon after it.

    Raises:
        Failure: NEEDS_STAGING when the decoded length differs from the counted one.
    """
    file = into.open("w+b")
    try:
        channels, rate = 1, source.samplerate
        for block in _resampled(source, sample_rate):
            require_not_longer(source.tell() / rate, duration_seconds)
            changed = change(block.T)
            channels = changed.shape[0]
            file.write(numpy.ascontiguousarray(changed.T).tobytes())
        frames = source.tell()
        require_length(frames / rate, duration_seconds)
        samples = frames if rate == sample_rate else math.ceil(frames * sample_rate / rate)
        # As in librosa: cut excess samples of the resampler, pad missing ones with silence.
        file.truncate(samples * channels * 4)
        return MixtureFile(file, samples, channels)
    except BaseException:
        file.close()
        raise


def _resampled(source: Any, sample_rate: int) -> Iterator[Audio]:
    """Decoded and resampled blocks of shape (samples, channels)."""
    stream = None
    if source.samplerate != sample_rate:
        stream = soxr.ResampleStream(
            source.samplerate, sample_rate, source.channels, dtype="float32", quality=QUALITY
        )
    is_last = False
    while not is_last:
        block = source.read(BLOCK_FRAMES, dtype="float32", always_2d=True)
        is_last = len(block) < BLOCK_FRAMES
        yield block if stream is None else stream.resample_chunk(block, last=is_last)
