"""Parses the header of a WAV file: RIFF, RIFX (big-endian) and RF64, possibly after an ID3 tag."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from ...protocol import Failure
from ..limits import MOST_PIECES, TOO_MANY_PIECES, Deadline
from .windows import size_of

PCM, FLOAT, ALAW, MULAW, MP3, EXTENSIBLE = 1, 3, 6, 7, 0x55, 0xFFFE
SIGNATURES = (b"RIFF", b"RIFX", b"RF64")
NO_SOUND = "The file is truncated: its WAV header is not followed by any audio."
UNKNOWN_LENGTH = 0xFFFFFFFF
RAW_NAMES = {
    **{(PCM, width): f"s{8 * width}" for width in (2, 3, 4)},
    **{(FLOAT, width): f"f{8 * width}" for width in (4, 8)},
}
RAW_BYTES = {(PCM, 1): "u8", (ALAW, 1): "alaw", (MULAW, 1): "mulaw"}


@dataclass(frozen=True)
class WavHeader:
    """Where the samples are, and their format.

    Attributes:
        tag: the format tag; for an extensible header, that of its subformat.
        mask: the channel mask; 0 if there is none.
        block_bytes: the declared block size, one sample of all channels or a packet; often wrong for PCM.
        sample_bytes: the size of one sample of one channel, as MSST's decoder sees it; 0 for packed formats.
        samples_per_block: for ADPCM; 0 if not declared.
        data_start: the offset of the samples in the file.
        data_bytes: the bytes of samples that are really there.
        is_length_missing: whether the header declares length 0 although audio follows.
        is_plain: whether FFmpeg interprets the header like MSST's decoder.
    """

    tag: int
    channels: int
    sample_rate: int
    mask: int
    block_bytes: int
    sample_bytes: int
    samples_per_block: int
    data_start: int
    data_bytes: int
    is_length_missing: bool
    is_big_endian: bool
    is_plain: bool

    def raw_demuxer(self) -> tuple[str, dict[str, str]] | None:
        """The FFmpeg demuxer that reads the raw samples, with its options; None if there is none."""
        key = (self.tag, self.sample_bytes)
        name = RAW_BYTES.get(key)
        if name is None and key in RAW_NAMES:
            name = RAW_NAMES[key] + ("be" if self.is_big_endian else "le")
        if name is None:
            return None
        if self.mask.bit_count() == self.channels:
            layout = f"{self.mask:#x}"
        else:
            layout = f"{self.channels}{'c' if self.channels <= 2 else 'C'}"
        return name, {"sample_rate": str(self.sample_rate), "ch_layout": layout}


def read(file: BinaryIO, start: int, deadline: Deadline) -> WavHeader:
    """Reads the header of an open WAV file whose signature is at `start`.

    Raises:
        Failure: INVALID_AUDIO if it does not describe any samples.
    """
    end = size_of(file)
    file.seek(start)
    order = ">" if file.read(4) == b"RIFX" else "<"
    at = start + 12
    format_body = b""
    long_length: int | None = None
    for _ in range(MOST_PIECES):
        if at + 8 > end:
            raise Failure("INVALID_AUDIO", NO_SOUND)
        deadline.check()
        file.seek(at)
        name, length = struct.unpack(f"{order}4sI", file.read(8))
        if name == b"fmt ":
            format_body = file.read(min(length, 64))
        elif name == b"ds64" and length >= 16:
            long_length = struct.unpack("<8xQ", file.read(16))[0]
        elif name == b"data":
            if length == UNKNOWN_LENGTH:
                declared = end if long_length is None else long_length
            else:
                declared = length
            # A crashed recorder leaves length 0 before audio; in an empty file only chunks or nothing follow.
            is_missing = declared == 0 and long_length is None
            is_missing = is_missing and not _only_chunks(file, at + 8, end, order, deadline)
            held = end - at - 8 if is_missing else min(declared, end - at - 8)
            return _header(format_body, order, start, at + 8, held, is_missing)
        at += 8 + length + length % 2
    raise Failure("INVALID_AUDIO", TOO_MANY_PIECES)


def _header(body: bytes, order: str, start: int, data_start: int, held: int, is_missing: bool) -> WavHeader:
    if len(body) < 16:
        raise Failure("INVALID_AUDIO", "The WAV header is damaged: it does not describe its samples.")
    tag, channels, rate, _, block, bits = struct.unpack_from(f"{order}HHIIHH", body)
    if channels == 0:
        raise Failure("INVALID_AUDIO", "The WAV header is damaged: it does not describe its samples.")
    valid_bits, mask = bits, 0
    samples_per_block = struct.unpack_from(f"{order}H", body, 18)[0] if len(body) >= 20 else 0
    if tag == EXTENSIBLE and len(body) >= 26:
        valid_bits, mask, tag = struct.unpack_from(f"{order}HIH", body, 18)
        samples_per_block = 0
    width = _sample_bytes(tag, bits, block, channels)
    # FFmpeg uses the valid bits, and takes some wide blocks for Cool Edit's float format.
    is_usual = not width or (block == width * channels and ((valid_bits or bits) + 7) // 8 == width)
    return WavHeader(
        tag=tag,
        channels=channels,
        sample_rate=rate,
        mask=mask,
        block_bytes=block,
        sample_bytes=width,
        samples_per_block=samples_per_block,
        data_start=data_start,
        data_bytes=held,
        is_length_missing=is_missing,
        is_big_endian=order == ">",
        is_plain=start == 0 and order == "<" and is_usual,
    )


def _sample_bytes(tag: int, bits: int, block: int, channels: int) -> int:
    if tag in (ALAW, MULAW):
        return 1
    width = (bits + 7) // 8
    if tag == PCM and bits == 24 and block == 4 * channels:
        # 24 bits in 32-bit containers, without the extensible header that should declare it.
        return 4
    return width if (tag == PCM and 1 <= width <= 4) or (tag == FLOAT and width in (4, 8)) else 0


def _only_chunks(file: BinaryIO, at: int, end: int, order: str, deadline: Deadline) -> bool:
    for _ in range(MOST_PIECES):
        if at + 8 > end:
            break
        deadline.check()
        file.seek(at + 4)
        (length,) = struct.unpack(f"{order}I", file.read(4))
        at += 8 + length + length % 2
    return at in (end, end + 1)
