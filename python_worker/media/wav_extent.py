"""Counts the samples of a WAV file by arithmetic on the bytes that are really there."""

from __future__ import annotations

from typing import BinaryIO

from ..protocol import Failure
from . import mp3_extent
from .extent import Extent
from .limits import Deadline
from .wav_header import MP3, WavHeader


def measure(file: BinaryIO, header: WavHeader, deadline: Deadline) -> Extent:
    """The extent of an open WAV file. A cut file looks whole."""
    if header.tag == MP3:
        return mp3_extent.measure(file, header.data_start, deadline)
    if header.sample_bytes:
        # Both decoders ignore a wrong block size in the header, and so do we.
        samples = header.data_bytes // (header.channels * header.sample_bytes)
    elif header.samples_per_block and header.block_bytes:
        samples = header.data_bytes // header.block_bytes * header.samples_per_block
    else:
        raise Failure("INVALID_AUDIO", "The WAV header does not say how its samples are packed.")
    reason = (
        "MSST's decoder takes the length 0 in the WAV header at its word"
        if header.is_length_missing
        else None
    )
    return Extent(samples, staging_reason=reason)
