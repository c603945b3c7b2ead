"""Counts the samples of a WAV or RF64 file by arithmetic on the bytes that are really there."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from ..protocol import Failure
from .extent import Extent, size_of
from .limits import Deadline

BYTES_PER_SAMPLE = {
    "pcm_u8": 1,
    "pcm_s16le": 2,
    "pcm_s24le": 3,
    "pcm_s32le": 4,
    "pcm_f32le": 4,
    "pcm_f64le": 8,
    "pcm_alaw": 1,
    "pcm_mulaw": 1,
}
UNKNOWN_LENGTH = 0xFFFFFFFF


@dataclass(frozen=True)
class _Layout:
    format: bytes
    data_start: int
    data_bytes: int
    is_length_missing: bool


def measure(file: BinaryIO, codec: str, deadline: Deadline) -> Extent:
    """The extent of an open WAV file with this codec, as FFmpeg calls it. A cut file looks whole."""
    layout = _read_layout(file, deadline)
    channels, block_bytes = struct.unpack_from("<2xH8xH", layout.format)
    if codec in BYTES_PER_SAMPLE:
        # Both decoders ignore a wrong block size in the header, and so do we.
        samples = layout.data_bytes // (channels * BYTES_PER_SAMPLE[codec])
    elif len(layout.format) >= 20 and block_bytes > 0:
        (samples_per_block,) = struct.unpack_from("<H", layout.format, 18)
        samples = layout.data_bytes // block_bytes * samples_per_block
    else:
        raise Failure("INVALID_AUDIO", "The WAV header does not say how its samples are packed.")
    reason = (
        "MSST's decoder takes the length 0 in the WAV header at its word"
        if layout.is_length_missing
        else None
    )
    return Extent(samples, staging_reason=reason)


def _read_layout(file: BinaryIO, deadline: Deadline) -> _Layout:
    end = size_of(file)
    at = 12
    format_body = b""
    long_length: int | None = None
    while at + 8 <= end:
        deadline.check()
        file.seek(at)
        name, length = struct.unpack("<4sI", file.read(8))
        if name == b"fmt ":
            format_body = file.read(min(length, 64))
        elif name == b"ds64" and length >= 16:
            long_length = struct.unpack("<8xQ", file.read(16))[0]
        elif name == b"data":
            return _layout(format_body, at + 8, end, length, long_length, file, deadline)
        at += 8 + length + length % 2
    raise Failure("INVALID_AUDIO", "The file is cut off: its WAV header is not followed by any sound.")


def _layout(
    format_body: bytes,
    start: int,
    end: int,
    length: int,
    long_length: int | None,
    file: BinaryIO,
    deadline: Deadline,
) -> _Layout:
    if len(format_body) < 16 or struct.unpack_from("<2xH", format_body)[0] == 0:
        raise Failure("INVALID_AUDIO", "The WAV header is damaged: it does not describe its samples.")
    if length == UNKNOWN_LENGTH:
        declared = end if long_length is None else long_length
    else:
        declared = length
    # A recorder that crashed leaves the length 0 with sound behind it; a truly empty file, chunks or nothing.
    is_missing = declared == 0 and long_length is None and not _only_chunks(file, start, end, deadline)
    held = end - start if is_missing else min(declared, end - start)
    return _Layout(format_body, start, held, is_missing)


def _only_chunks(file: BinaryIO, at: int, end: int, deadline: Deadline) -> bool:
    while at + 8 <= end:
        deadline.check()
        file.seek(at + 4)
        (length,) = struct.unpack("<I", file.read(4))
        at += 8 + length + length % 2
    return at in (end, end + 1)
