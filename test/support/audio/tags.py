"""ID3 tags and a picture."""

from __future__ import annotations

import struct
import zlib


def id3_tag(*, picture: bool) -> bytes:
    """An ID3v2.3 tag with a title and, if wanted, a cover."""
    frames = _id3_frame(b"TIT2", b"\0a title")
    if picture:
        frames += _id3_frame(b"APIC", b"\0image/png\0\x03\0" + png())
    size = len(frames)
    return b"ID3\x03\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + frames


def _id3_frame(name: bytes, body: bytes) -> bytes:
    return name + struct.pack(">IH", len(body), 0) + body


def png() -> bytes:
    """One red pixel."""

    def part(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + part(b"IHDR", header)
        + part(b"IDAT", zlib.compress(b"\0\xff\0\0"))
        + part(b"IEND", b"")
    )
