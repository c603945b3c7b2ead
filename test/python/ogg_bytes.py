"""Ogg pages, made byte by byte."""

from __future__ import annotations

import struct

from python_worker.media.formats.ogg_pages import HEADER


def ogg_page(
    packets: list[bytes],
    *,
    position: int = 0,
    flags: int = 0,
    serial: int = 7,
    sequence: int = 0,
    open_end: bool = False,
) -> bytes:
    """A page with its right checksum."""
    lacing = b"".join(bytes([255] * (len(packet) // 255) + [len(packet) % 255]) for packet in packets)
    if open_end:
        lacing = lacing[:-1]
    body = b"".join(packets)
    raw = HEADER.pack(b"OggS", 0, flags, position, serial, sequence, 0, len(lacing)) + lacing + body
    return raw[:22] + struct.pack("<I", ogg_checksum(raw)) + raw[26:]


def ogg_checksum(data: bytes) -> int:
    """As the standard words it, bit by bit."""
    value = 0
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7 if value >> 31 else value << 1) & 0xFFFFFFFF
    return value
