"""WAV files, made chunk by chunk, and what is read of their header."""

from __future__ import annotations

import struct
from typing import BinaryIO

from python_worker.media.formats import wav_header
from python_worker.media.formats.wav_header import WavHeader
from python_worker.media.limits import Deadline


def chunk(name: bytes, body: bytes, *, order: str = "<", length: int | None = None) -> bytes:
    return (
        struct.pack(f"{order}4sI", name, len(body) if length is None else length)
        + body
        + b"\0" * (len(body) % 2)
    )


def form(
    tag: int = 1,
    channels: int = 2,
    rate: int = 1000,
    block: int = 4,
    bits: int = 16,
    more: bytes = b"",
    order: str = "<",
) -> bytes:
    """The chunk that says how samples are packed."""
    body = struct.pack(f"{order}HHIIHH", tag, channels, rate, rate * block, block, bits) + more
    return chunk(b"fmt ", body, order=order)


def wav(*chunks: bytes, signature: bytes = b"RIFF") -> bytes:
    return signature + bytes(4) + b"WAVE" + b"".join(chunks)


SOUND = bytes(range(200))
DATA = chunk(b"data", SOUND)
PLAIN = wav(form(), DATA)


def header_of(file: BinaryIO, start: int = 0) -> WavHeader:
    return wav_header.read(file, start, Deadline())
