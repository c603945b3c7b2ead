"""Finds audio in a WAV after the part that decoders read: a second `data` chunk or an appended WAV."""

from __future__ import annotations

import struct
from typing import BinaryIO

from ..limits import MOST_PIECES, Deadline
from .wav_header import SIGNATURES, WavHeader
from .windows import size_of

CHUNK = 8
SHORTEST_FORMAT = 16


def unread_seconds(file: BinaryIO, header: WavHeader, deadline: Deadline) -> float:
    """The seconds of audio after the data that `header` describes; 0 if only tags or junk follow.

    Never raises for invalid data: whatever cannot be parsed counts as junk.
    """
    order = ">" if header.is_big_endian else "<"
    bytes_per_second = header.sample_rate * header.channels * header.sample_bytes
    seconds, end = 0.0, size_of(file)
    begin = header.data_start
    at = _next(file, begin, begin + header.data_bytes)
    for _ in range(MOST_PIECES):
        deadline.check()
        file.seek(at)
        head = file.read(CHUNK + 4)
        if len(head) < CHUNK:
            break
        if head[:4] in SIGNATURES and head[CHUNK:] == b"WAVE":
            order = ">" if head.startswith(b"RIFX") else "<"
            begin, at = at, at + CHUNK + 4
            continue
        name, length = struct.unpack_from(f"{order}4sI", head)
        if name == b"fmt " and length >= SHORTEST_FORMAT:
            file.seek(at + CHUNK)
            body = file.read(SHORTEST_FORMAT)
            if len(body) == SHORTEST_FORMAT:
                bytes_per_second = struct.unpack_from(f"{order}I", body, 8)[0]
        held = min(length, end - at - CHUNK)
        if name == b"data" and bytes_per_second:
            seconds += held / bytes_per_second
        at = _next(file, begin, at + CHUNK + held)
    return seconds


def _next(file: BinaryIO, begin: int, at: int) -> int:
    """Where the chunk after one that ends at `at` begins: padded to even, except for an appended WAV."""
    if (at - begin) % 2 == 0:
        return at
    file.seek(at)
    return at if file.read(4) in SIGNATURES else at + 1
