"""Streams a float WAV to disk; as RF64 if it is too long for WAV's 32-bit sizes."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from types import TracebackType

SYNC_BYTES = 8_000_000
IEEE_FLOAT = 3
BYTES_PER_SAMPLE = 4
LONGEST_RIFF = 0xFFFFFFFF
HEADER_BYTES = 94


class WavWriter:
    """A context manager that writes a WAV atomically.

    On success the complete file is at `path` and synced to disk; on error nothing is left.

    Args:
        path: the file to create; must not exist, but its folder must.
        sample_rate: in Hz.
        channels: the number of interleaved channels.
        longest_riff: the size in bytes above which the file is an RF64.
    """

    def __init__(self, path: Path, sample_rate: int, channels: int, longest_riff: int = LONGEST_RIFF) -> None:
        self._path = path
        self._part = path.with_name(f".{path.name}.part")
        self._sample_rate = sample_rate
        self._frame_bytes = BYTES_PER_SAMPLE * channels
        self._channels = channels
        self._longest_riff = longest_riff
        self._data_bytes = 0
        self._unsynced_bytes = 0

    @property
    def samples(self) -> int:
        """The number of samples per channel written so far."""
        return self._data_bytes // self._frame_bytes

    def __enter__(self) -> WavWriter:
        self._file = self._part.open("wb")
        self._file.write(bytes(HEADER_BYTES))
        return self

    def write(self, interleaved: bytes) -> None:
        """Appends interleaved little-endian 32-bit floats."""
        self._file.write(interleaved)
        self._data_bytes += len(interleaved)
        self._unsynced_bytes += len(interleaved)
        # Syncing everything at once at the end would stall all other writers to the disk.
        if self._unsynced_bytes >= SYNC_BYTES:
            self._file.flush()
            # macOS has no fdatasync.
            getattr(os, "fdatasync", os.fsync)(self._file.fileno())
            self._unsynced_bytes = 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._file:
                if kind is None:
                    self._file.seek(0)
                    self._file.write(self._header())
                    self._file.flush()
                    os.fsync(self._file.fileno())
            if kind is None:
                self._part.replace(self._path)
                _sync_folder(self._path.parent)
        finally:
            self._part.unlink(missing_ok=True)

    def _header(self) -> bytes:
        riff_bytes = HEADER_BYTES - 8 + self._data_bytes
        is_long = riff_bytes > self._longest_riff
        long_lengths = struct.pack("<QQQI", riff_bytes, self._data_bytes, self.samples, 0)
        bytes_per_second = self._sample_rate * self._frame_bytes
        shape = (IEEE_FLOAT, self._channels, self._sample_rate, bytes_per_second, self._frame_bytes, 32, 0)
        return b"".join(
            (
                struct.pack(
                    "<4sI4s",
                    b"RF64" if is_long else b"RIFF",
                    LONGEST_RIFF if is_long else riff_bytes,
                    b"WAVE",
                ),
                # RF64's 64-bit sizes; a plain WAV has a JUNK chunk in their place, which readers skip.
                struct.pack("<4sI", b"ds64" if is_long else b"JUNK", 28)
                + (long_lengths if is_long else bytes(28)),
                struct.pack("<4sIHHIIHHH", b"fmt ", 18, *shape),
                struct.pack("<4sII", b"fact", 4, min(self.samples, LONGEST_RIFF)),
                struct.pack("<4sI", b"data", LONGEST_RIFF if is_long else self._data_bytes),
            )
        )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
