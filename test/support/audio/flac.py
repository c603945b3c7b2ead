"""FLAC files."""

from __future__ import annotations

import random
import struct
from dataclasses import replace
from functools import cache

from .encoder import damaged, encode, in_the_middle
from .sound import MAKERS, Maker, Sound, floats, kind
from .tags import id3_tag, png


@kind("flac")
def flac(sound: Sound) -> bytes:
    """FLAC of 16 bits."""
    return encode("flac", "flac", sound)


@kind("flac-silence")
def _flac_silence(sound: Sound) -> bytes:
    return silent_flac(sound)


@kind("flac-10h-silence")
def _flac_10h_silence(sound: Sound) -> bytes:
    return silent_flac(replace(sound, seconds=36000))


@kind("flac-one-sample")
def _flac_one_sample(sound: Sound) -> bytes:
    return flac(replace(sound, seconds=1 / sound.rate))


@kind("flac-no-samples")
def _flac_no_samples(sound: Sound) -> bytes:
    return silent_flac(replace(sound, seconds=0))


@kind("flac-no-count")
def _flac_no_count(sound: Sound) -> bytes:
    """STREAMINFO says 0 samples, which means unknown: what an encoder leaves that wrote to a pipe."""
    return _with_total_samples(flac(sound), 0)


@kind("flac-count-too-small")
def _flac_count_too_small(sound: Sound) -> bytes:
    return _with_total_samples(flac(sound), sound.samples // 2)


@kind("flac-joined")
def _flac_joined(sound: Sound) -> bytes:
    return flac(sound) * 2


@kind("flac-joined-rates")
def _flac_joined_rates(sound: Sound) -> bytes:
    return flac(sound) + id3_tag(picture=False) + flac(replace(sound, rate=sound.rate // 2))


@kind("flac-joined-cut")
def _flac_joined_cut(sound: Sound) -> bytes:
    return flac(sound) + in_the_middle(flac(sound))


@kind("flac-id3")
def _flac_id3(sound: Sound) -> bytes:
    return id3_tag(picture=False) + flac(sound)


@kind("flac-cover-art")
def _flac_cover_art(sound: Sound) -> bytes:
    whole = flac(sound)
    image = png()
    body = (
        struct.pack(">II", 3, 9) + b"image/png" + struct.pack(">IIIIII", 0, 1, 1, 24, 0, len(image)) + image
    )
    block = bytes([6]) + len(body).to_bytes(3, "big") + body
    return whole[:42] + block + whole[42:]


@kind("flac-cut")
def _flac_cut(sound: Sound) -> bytes:
    return in_the_middle(flac(sound))


@kind("flac-cut-tail")
def _flac_cut_tail(sound: Sound) -> bytes:
    """Only the last frame is torn: some hundredths of a second."""
    return flac(sound)[:-200]


@kind("flac-damaged")
def _flac_damaged(sound: Sound) -> bytes:
    """Random bytes over the header of one frame in the middle."""
    return damaged(flac(sound), 2000)


@kind("flac-trailing-garbage")
def _flac_trailing_garbage(sound: Sound) -> bytes:
    return flac(sound) + random.Random(3).randbytes(4097)


def _with_total_samples(whole: bytes, total: int) -> bytes:
    (fields,) = struct.unpack_from(">Q", whole, 18)
    return whole[:18] + struct.pack(">Q", fields >> 36 << 36 | total) + whole[26:]


def silent_flac(sound: Sound, block: int = 4096) -> bytes:
    """16-bit silence, frame by frame with right numbers and checksums; ten hours take about a second."""
    rate, channels, total = sound.rate, sound.channels, sound.samples
    whole, rest = divmod(total, block)
    fields = rate << 44 | channels - 1 << 41 | 15 << 36 | total
    info = struct.pack(">HH", block, block) + bytes(6) + struct.pack(">Q", fields) + bytes(16)
    frames = [_silent_frame(number, block, channels) for number in range(whole)]
    if rest:
        frames.append(_silent_frame(whole, rest, channels))
    return b"fLaC" + bytes([0x80]) + len(info).to_bytes(3, "big") + info + b"".join(frames)


DEPTHS = {8: 1, 12: 2, 16: 4, 20: 5, 24: 6, 32: 7}


def _flac_of(depth: int) -> Maker:
    """FLAC of that many bits, every subframe verbatim: FFmpeg writes 16 and 24 only."""

    def maker(sound: Sound, block: int = 4096) -> bytes:
        scale, samples, channels = (1 << depth - 1) - 1, floats(sound), sound.channels
        fields = sound.rate << 44 | channels - 1 << 41 | depth - 1 << 36 | sound.samples
        info = struct.pack(">HH", block, block) + bytes(6) + struct.pack(">Q", fields) + bytes(16)
        frames = [b"fLaC" + bytes([0x80]) + len(info).to_bytes(3, "big") + info]
        for number, start in enumerate(range(0, sound.samples, block)):
            part = samples[start * channels : (start + block) * channels]
            count = len(part) // channels
            header = bytes((0xFF, 0xF8, 0x70, channels - 1 << 4 | DEPTHS[depth] << 1)) + _coded_number(number)
            header += struct.pack(">H", count - 1)
            bits = ""
            for channel in range(channels):
                values = (round(scale * value) % (1 << depth) for value in part[channel::channels])
                bits += "00000010" + "".join(format(value, f"0{depth}b") for value in values)
            bits += "0" * (-len(bits) % 8)
            frame = header + bytes((_crc8(header),)) + int(bits, 2).to_bytes(len(bits) // 8, "big")
            frames.append(frame + struct.pack(">H", _crc16(frame)))
        return b"".join(frames)

    return maker


MAKERS["flac-12-bit"] = _flac_of(12)
MAKERS["flac-20-bit"] = _flac_of(20)
MAKERS["flac-32-bit"] = _flac_of(32)


def _silent_frame(number: int, samples: int, channels: int) -> bytes:
    # Block size in 16 bits at the end of the header (7), rate as in STREAMINFO (0); 16 bits (4).
    start = bytes((0xFF, 0xF8, 0x70, channels - 1 << 4 | 4 << 1))
    header = start + _coded_number(number) + struct.pack(">H", samples - 1)
    header += bytes((_crc8(header),))
    frame = header + bytes(3 * channels)  # each a constant subframe: its type, then the 16-bit value
    return frame + struct.pack(">H", _crc16(frame))


def _coded_number(number: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
    tail = []
    while number >= 1 << 6 - len(tail):
        tail.append(0x80 | number & 0x3F)
        number >>= 6
    lead = (0xFF80 >> len(tail)) & 0xFF
    return bytes((lead | number, *reversed(tail)))


@cache
def _crc_table(polynomial: int, bits: int) -> list[int]:
    table = []
    for byte in range(256):
        value = byte << bits - 8
        for _ in range(8):
            value = (value << 1 ^ polynomial if value >> bits - 1 else value << 1) & (1 << bits) - 1
        table.append(value)
    return table


def _crc8(data: bytes) -> int:
    table, value = _crc_table(0x07, 8), 0
    for byte in data:
        value = table[value ^ byte]
    return value


def _crc16(data: bytes) -> int:
    table, value = _crc_table(0x8005, 16), 0
    for byte in data:
        value = (value << 8 & 0xFF00) ^ table[value >> 8 ^ byte]
    return value
