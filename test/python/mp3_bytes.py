"""MP3 frames, made byte by byte."""

from __future__ import annotations

from python_worker.media.formats import mp3_frames


def frame(
    kbps: int = 128, *, padded: bool = False, mono: bool = False, rate: int = 0, fill: bytes = b""
) -> bytes:
    """An MP3 frame of MPEG 1 at 44.1 kHz, or the next of its rates."""
    index = mp3_frames.BITRATES[1].index(kbps) + 1
    header = bytes((0xFF, 0xFB, index << 4 | rate << 2 | padded << 1, 0xC0 if mono else 0))
    size = 144000 * kbps // mp3_frames.RATES[3][rate] + padded
    return (header + fill).ljust(size, b"\x55")


def free_frames(distances: list[int], third: int = 0x00) -> bytes:
    """Frames of free format; a padded one is a byte longer."""
    return b"".join(
        bytes((0xFF, 0xFB, third | (distance % 2) << 1, 0)).ljust(distance, b"\x11") for distance in distances
    )
