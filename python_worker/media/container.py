"""Which container a file is, told by its first bytes and never by its name."""

from __future__ import annotations

from typing import BinaryIO

from ..protocol import Container, Failure
from . import mp3_frames, wav_header

FORMATS = "WAV, FLAC, MP3, OGG (Vorbis, Opus), M4A (AAC, ALAC)"

JUNK_AFTER_TAG = 64 * 1024
"""Some taggers leave padding between the ID3 tag and the sound; libsndfile searches as far."""


def recognise(file: BinaryIO) -> tuple[Container, int]:
    """The container of an open file, and the offset of its first byte behind any ID3v2 tags.

    Raises:
        Failure: INVALID_AUDIO for an empty file, UNSUPPORTED_FORMAT for one that is none of FORMATS.
    """
    start = skip_id3(file)
    file.seek(start)
    head = file.read(JUNK_AFTER_TAG + 2 * mp3_frames.LONGEST)
    if start == 0 and not head:
        raise Failure("INVALID_AUDIO", "The file is empty.")
    if head[:4] in wav_header.SIGNATURES and head[8:12] == b"WAVE":
        return "wav", start
    if head[:4] == b"fLaC":
        return "flac", start
    if start == 0 and head[:4] == b"OggS":
        return "ogg", start
    if start == 0 and head[4:8] == b"ftyp":
        return "mp4", start
    if mp3_frames.find(head, 0 if start == 0 else JUNK_AFTER_TAG) is not None:
        return "mp3", start
    if start > 0 and not head.strip(b"\0"):
        raise Failure("INVALID_AUDIO", "The file is empty: it holds tags and no sound.")
    raise Failure("UNSUPPORTED_FORMAT", f"The file is in none of the supported formats: {FORMATS}.")


def skip_id3(file: BinaryIO) -> int:
    """The offset behind the ID3v2 tags at the start of the file; 0 without any."""
    at = 0
    while True:
        file.seek(at)
        header = file.read(10)
        if len(header) < 10 or header[:3] != b"ID3" or max(header[6:10]) > 0x7F:
            return at
        size = header[6] << 21 | header[7] << 14 | header[8] << 7 | header[9]
        has_footer = header[5] & 0x10
        at += 10 + size + (10 if has_footer else 0)
