"""Computes the number of samples of a WAV file from the bytes that are really there."""

from __future__ import annotations

from typing import BinaryIO

from ...protocol import Failure
from ..formats import wav_rest
from ..formats.wav_header import MP3, WavHeader
from ..limits import Deadline
from . import mp3_length
from .audio_length import AudioLength


def measure(file: BinaryIO, header: WavHeader, deadline: Deadline) -> AudioLength:
    """Measures an open WAV file. A truncated file cannot be told from a complete one."""
    if header.tag == MP3:
        return mp3_length.measure(file, header.data_start, deadline)
    if header.sample_bytes:
        # Both decoders ignore a wrong block size in the header; so do we.
        samples = header.data_bytes // (header.channels * header.sample_bytes)
    elif header.samples_per_block and header.block_bytes:
        samples = header.data_bytes // header.block_bytes * header.samples_per_block
    else:
        raise Failure("INVALID_AUDIO", "The WAV header does not say how its samples are packed.")
    return AudioLength(samples, staging_reason=_staging_reason(file, header, deadline))


def _staging_reason(file: BinaryIO, header: WavHeader, deadline: Deadline) -> str | None:
    if header.is_length_missing:
        return "MSST's decoder believes the length 0 in the WAV header"
    if wav_rest.unread_seconds(file, header, deadline):
        return "MSST's decoder reads only the first of several pieces of sound in the WAV"
    return None
