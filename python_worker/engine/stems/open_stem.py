"""A stem that is being written: encoded block by block, measured, synced to disk and hashed."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import soundfile

from ...protocol import Failure, OutputFormat, PcmType, SeparateOptions, WrittenStem
from .stem_file import StemFile

BYTES_BETWEEN_SYNCS = 8_000_000
BYTES_PER_SAMPLE: dict[PcmType, int] = {"PCM_16": 2, "PCM_24": 3, "FLOAT": 4}
# WAV sizes are 32-bit. Larger files are written as RF64, which readers of large WAVs support.
MAX_WAV_BYTES = 4_000_000_000


class OpenStem:
    """A stem that is being written.

    Args:
        path: the file to create; must not exist.
        instrument: the stem's instrument.
        shape: the shape of the whole stem, (samples, channels).
        sample_rate: in Hz.
        options: output format and PCM type.
        before_block: called before each block of a few megabytes; may raise to cancel.
    """

    def __init__(
        self,
        path: Path,
        instrument: str,
        shape: tuple[int, int],
        sample_rate: int,
        options: SeparateOptions,
        before_block: Callable[[], None],
    ) -> None:
        self._path = path
        self._instrument = instrument
        self._shape = shape
        self._sample_rate = sample_rate
        self._format: OutputFormat = options.output_format
        self._pcm_type: PcmType = options.pcm_type
        self._before_block = before_block
        self._peak, self._clipped = 0.0, 0
        self._disk = StemFile(path)
        self._file: Any = None
        try:
            with self._disk.saying_why():
                self._file = self._encoder()
        except BaseException:
            self.abandon()
            raise

    def append(self, audio: Any) -> None:
        """Encode the next samples, of shape (samples, channels).

        Raises:
            Failure: they contain NaN or infinity.
            OSError: a write failed; typically the disk is full.
        """
        with self._disk.saying_why():
            for block in self._blocks(audio):
                self._before_block()
                self._measure(block)
                self._file.write(block)
                self._disk.sync()

    def close(self) -> WrittenStem:
        """Finish the file and sync it to disk. Returns the stem's metadata."""
        with self._disk.saying_why():
            self._file.close()
        self._disk.sync(whole=True)
        self._disk.close()
        return WrittenStem(
            instrument=self._instrument,
            filename=self._path.name,
            format=self._format,
            bytes=self._path.stat().st_size,
            sha256=_sha256(self._path),
            duration_seconds=self._shape[0] / self._sample_rate,
            sample_rate=self._sample_rate,
            channels=self._shape[1],
            peak=self._peak,
            clipped_samples=0 if self._pcm_type == "FLOAT" else self._clipped,
        )

    def abandon(self) -> None:
        """Close the file in whatever state it is."""
        with contextlib.suppress(Exception):
            if self._file is not None:
                self._file.close()
        self._disk.close()

    def _encoder(self) -> Any:
        return soundfile.SoundFile(
            self._disk,
            "w",
            samplerate=self._sample_rate,
            channels=self._shape[1],
            subtype=self._pcm_type,
            format=self._container(),
        )

    def _measure(self, block: Any) -> None:
        level = numpy.abs(block)
        if not numpy.isfinite(level).all():
            sentence = f"The stem {self._instrument} holds values that are not finite numbers."
            raise Failure("SEPARATION_FAILED", sentence)
        self._peak = max(self._peak, float(level.max()))
        self._clipped += int(numpy.count_nonzero(level > 1.0))

    def _container(self) -> str:
        bytes_in_all = self._shape[0] * self._shape[1] * BYTES_PER_SAMPLE[self._pcm_type]
        return "RF64" if self._format == "wav" and bytes_in_all > MAX_WAV_BYTES else self._format.upper()

    def _blocks(self, audio: Any) -> Iterator[Any]:
        # Syncing a whole stem at once at its end would stall the server's database commits.
        frames = max(1, BYTES_BETWEEN_SYNCS // (BYTES_PER_SAMPLE[self._pcm_type] * audio.shape[1]))
        for start in range(0, audio.shape[0], frames):
            yield numpy.ascontiguousarray(audio[start : start + frames])


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
