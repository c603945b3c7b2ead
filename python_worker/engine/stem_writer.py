"""Writing stems in place of MSST: chosen format, safe names, on the disk for good, hashed and measured."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import soundfile

from ..protocol import Failure, OutputFormat, PcmType, SeparateOptions, WrittenStem
from .stem_file import StemFile

BYTES_BETWEEN_SYNCS = 8_000_000
BYTES_PER_SAMPLE: dict[PcmType, int] = {"PCM_16": 2, "PCM_24": 3, "FLOAT": 4}
# A WAV's sizes are 32 bit numbers; above it goes on as RF64, which every reader of large WAVs knows.
MAX_WAV_BYTES = 4_000_000_000


class StemWriter:
    """Writes the stems of one attempt into its folder.

    Args:
        output_dir: there and empty.
        options: format and subtype.
        before_block: called before each block of some megabytes; may raise to cancel.
    """

    def __init__(self, output_dir: Path, options: SeparateOptions, before_block: Callable[[], None]) -> None:
        self.stems: list[WrittenStem] = []
        self._output_dir = output_dir
        self._format: OutputFormat = options.output_format
        self._pcm_type: PcmType = options.pcm_type
        self._before_block = before_block
        self._paths: list[Path] = []

    def write(self, instrument: str, audio: Any, sample_rate: int) -> None:
        """Encode one stem and put it on the disk for good.

        Args:
            audio: of shape (samples, channels) or (samples,), 1.0 is full scale. What lies beyond is clipped
                by PCM as MSST clips it, and counted.

        Raises:
            Failure: it holds NaN or infinity.
            OSError: above all, the disk is full.
        """
        audio = audio[:, numpy.newaxis] if audio.ndim == 1 else audio
        path = self._new_path(instrument)
        peak, clipped = self._encode(path, audio, sample_rate, instrument)
        self.stems.append(
            WrittenStem(
                instrument=instrument,
                filename=path.name,
                format=self._format,
                bytes=path.stat().st_size,
                sha256=_sha256(path),
                duration_seconds=audio.shape[0] / sample_rate,
                sample_rate=sample_rate,
                channels=audio.shape[1],
                peak=peak,
                clipped_samples=0 if self._pcm_type == "FLOAT" else clipped,
            )
        )

    def finish(self) -> None:
        """Make the folder's entries as durable as the files."""
        folder = os.open(self._output_dir, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def discard(self) -> None:
        """Remove what was written: an attempt that fails leaves nothing."""
        for path in self._paths:
            path.unlink(missing_ok=True)

    def _encode(self, path: Path, audio: Any, sample_rate: int, instrument: str) -> tuple[float, int]:
        with StemFile(path) as disk:
            with disk.saying_why(), self._open(disk, audio, sample_rate) as file:
                level = self._write_blocks(file, disk, audio, instrument)
            disk.sync(whole=True)
        return level

    def _open(self, disk: StemFile, audio: Any, sample_rate: int) -> Any:
        return soundfile.SoundFile(
            disk,
            "w",
            samplerate=sample_rate,
            channels=audio.shape[1],
            subtype=self._pcm_type,
            format=self._container(audio),
        )

    def _write_blocks(self, file: Any, disk: StemFile, audio: Any, instrument: str) -> tuple[float, int]:
        peak, clipped = 0.0, 0
        for block in self._blocks(audio):
            self._before_block()
            level = numpy.abs(block)
            if not numpy.isfinite(level).all():
                sentence = f"The stem {instrument} holds values that are not finite numbers."
                raise Failure("SEPARATION_FAILED", sentence)
            peak = max(peak, float(level.max()))
            clipped += int(numpy.count_nonzero(level > 1.0))
            file.write(block)
            disk.sync()
        return peak, clipped

    def _container(self, audio: Any) -> str:
        if self._format == "wav" and audio.size * BYTES_PER_SAMPLE[self._pcm_type] > MAX_WAV_BYTES:
            return "RF64"
        return self._format.upper()

    def _blocks(self, audio: Any) -> Iterator[Any]:
        # One sync of a whole stem at its end would stall the server's own commits.
        frames = max(1, BYTES_BETWEEN_SYNCS // (BYTES_PER_SAMPLE[self._pcm_type] * audio.shape[1]))
        for start in range(0, audio.shape[0], frames):
            yield numpy.ascontiguousarray(audio[start : start + frames])

    def _new_path(self, instrument: str) -> Path:
        taken = {path.stem.casefold() for path in self._paths}
        name = base = safe_name(instrument)
        number = 2
        while name.casefold() in taken:
            name, number = f"{base}_{number}", number + 1
        path = self._output_dir / f"{name}.{self._format}"
        self._paths.append(path)
        return path


def safe_name(instrument: str) -> str:
    """A file name for an instrument, whose name is any text that stands in a YAML."""
    name = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", instrument)).strip("._")
    # At most four bytes a character: it stays within the 255 bytes of a file name.
    return name[:50] or "stem"


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
