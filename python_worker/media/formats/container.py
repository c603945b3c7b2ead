"""Detects a file's container by its first bytes, never by its name."""

from __future__ import annotations

from typing import BinaryIO

from ...protocol import Container, Failure
from ..limits import MOST_PIECES, TOO_MANY_PIECES, Deadline
from . import mp3_frames, wav_header
from .windows import size_of

FORMATS = "WAV, FLAC, MP3, OGG (Vorbis, Opus), M4A (AAC, ALAC)"

FARTHEST_FRAME = 64 * 1024
"""How far to search for the first MP3 frame, in bytes; as far as MSST's decoder does."""
BLOCK_BYTES = 1 << 20
MOST_ZEROS = 64 << 20
OTHERS = (
    *(b"PK\3\4", b"7z\xbc\xaf", b"Rar!", b"SQLite", b"%PDF", b"\x7fELF", b"\xd0\xcf\x11\xe0"),
    *(b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"FORM", b"caff", b"riff", b"OggS", b"MThd"),
    *(b"\x1aE\xdf\xa3", b"FLV\1", b"\x30\x26\xb2\x75", b"\0\0\x01\xba"),
)
"""Signatures of files that may contain a whole MP3 but are not MP3 files."""
W64 = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")
"""The GUID of Wave64, which is like WAV with longer size fields."""
TAR_MAGIC = slice(257, 262)
BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")


def recognise(file: BinaryIO, deadline: Deadline) -> tuple[Container, int]:
    """Detect the container of an open file.

    Returns:
        The container, and the offset where it begins, after any tags or, for MP3, junk.

    Raises:
        Failure: INVALID_AUDIO for an empty file, UNSUPPORTED_FORMAT for one in none of FORMATS.
    """
    start = skip_id3(file, deadline)
    file.seek(start)
    head = file.read(FARTHEST_FRAME + 2 * mp3_frames.LONGEST)
    if start == 0 and not head:
        raise Failure("INVALID_AUDIO", "The file is empty.")
    if head[:4] in wav_header.SIGNATURES and head[8:12] == b"WAVE":
        return "wav", start
    if is_for_libsndfile(head):
        return ("wav" if head[:16] == W64 else "mp3"), start
    if head[:4] == b"fLaC":
        return "flac", start
    if start == 0 and head[:4] == b"OggS":
        return "ogg", start
    if start == 0 and head[4:8] == b"ftyp":
        return "mp4", start
    if mp3_frames.find(head, 0 if start == 0 else FARTHEST_FRAME) is not None:
        return "mp3", start
    first_frame = _first_frame(file, start, head, deadline)
    if first_frame is not None:
        return "mp3", first_frame
    if start > 0 and not head.strip(b"\0"):
        raise Failure("INVALID_AUDIO", "The file is empty: it has tags but no audio.")
    raise Failure("UNSUPPORTED_FORMAT", f"The file is in none of the supported formats: {FORMATS}.")


def is_for_libsndfile(head: bytes) -> bool:
    """Whether a file that begins with `head` is a Wave64 or a free-format MP3, which FFmpeg cannot decode."""
    return head[:16] == W64 or mp3_frames.is_free_format(head)


def _first_frame(file: BinaryIO, start: int, head: bytes, deadline: Deadline) -> int | None:
    """The offset of the first MP3 frame after zeros, an APE tag or a partial frame; None if there is none."""
    if start == 0 and (head.startswith(OTHERS) or head[4:8] in BOXES or head[TAR_MAGIC] == b"ustar"):
        return None
    if head.startswith(b"APETAGEX"):
        start = min(start + 32 + int.from_bytes(head[12:16], "little"), size_of(file))
    at = _skip_zeros(file, start, deadline)
    file.seek(at)
    found = mp3_frames.find_run(file.read(FARTHEST_FRAME + mp3_frames.RUN * mp3_frames.LONGEST))
    return None if found is None else at + found


def _skip_zeros(file: BinaryIO, at: int, deadline: Deadline) -> int:
    end = at + MOST_ZEROS
    while at < end:
        deadline.check()
        file.seek(at)
        block = file.read(BLOCK_BYTES)
        zeros = len(block) - len(block.lstrip(b"\0"))
        at += zeros
        if zeros < len(block) or not block:
            break
    return at


def skip_id3(file: BinaryIO, deadline: Deadline) -> int:
    """The offset after the ID3v2 tags at the start of the file; 0 without any.

    Raises:
        Failure: INVALID_AUDIO if there are too many.
    """
    at = 0
    for _ in range(MOST_PIECES):
        deadline.check()
        file.seek(at)
        header = file.read(10)
        if len(header) < 10 or header[:3] != b"ID3" or max(header[3:5]) == 0xFF:
            return at
        # Some taggers use all eight bits of each size byte, where the standard uses seven.
        bits = 7 if max(header[6:10]) <= 0x7F else 8
        size = sum(byte << bits * place for place, byte in enumerate(reversed(header[6:10])))
        has_footer = header[5] & 0x10
        after = at + 10 + size + (10 if has_footer else 0)
        if bits == 8 and after > size_of(file):
            return at
        at = after
    raise Failure("INVALID_AUDIO", TOO_MANY_PIECES)
