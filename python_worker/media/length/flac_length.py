"""Counts the samples of a FLAC file from its frame headers, without decoding."""

from __future__ import annotations

from functools import cache
from typing import BinaryIO

from ...protocol import Failure
from ..formats.windows import Window
from ..limits import MOST_PIECES, TOO_MANY_PIECES, Deadline
from .audio_length import AudioLength

DAMAGED = "MSST's decoder refuses a FLAC file with damaged frames"
LONGEST_HEADER = 18
"""The maximum size of a frame header, with some margin: 16 bytes with the checksum."""
STREAMINFO = 0
SIGNATURE = b"fLaC"
FIRST_BLOCKS = (b"\0\0\0\x22", b"\x80\0\0\x22")
UNCOMMON_8_BIT, UNCOMMON_16_BIT = 6, 7
UNCOMMON_BLOCK = {UNCOMMON_8_BIT: 1, UNCOMMON_16_BIT: 2}
UNCOMMON_RATE = {12: 1, 13: 2, 14: 2}
"""Extra header bytes for an uncommon block size or sample rate, by its code."""
SHORTEST_FRAME = 8
LONGEST_BLOCK = 65536
MOST_FRAMES_LOST = 1000
"""Maximum frames lost between two frames. With more, audio data could too easily be taken for a header."""


def measure(file: BinaryIO, start: int, deadline: Deadline) -> AudioLength:
    """Measures an open FLAC file whose `fLaC` is at offset `start`."""
    declared, rate, first_frame = _read_metadata(file, start, deadline)
    samples, gaps, following = _count(Window(file, first_frame, deadline), declared)
    if following is not None:
        return _joined(file, following, AudioLength(samples, declared or None), rate, deadline)
    if declared == 0 and samples > 0:
        reason = "MSST's decoder needs a FLAC header that says how many samples follow"
    elif declared < samples:
        reason = "MSST's decoder stops at the length in the FLAC header, which is too small"
    elif gaps or declared > samples:
        reason = DAMAGED
    else:
        reason = None
    return AudioLength(samples, declared or None, reason)


def _joined(file: BinaryIO, at: int | None, first: AudioLength, rate: int, deadline: Deadline) -> AudioLength:
    """Measures several joined FLAC files, at the sample rate of the first; the second begins at `at`."""
    samples, declared = float(first.samples), float(first.declared or first.samples)
    while at is not None:
        said, own_rate, first_frame = _read_metadata(file, at, deadline)
        held, _, at = _count(Window(file, first_frame, deadline), said)
        samples += held * rate / max(1, own_rate)
        declared += (said or held) * rate / max(1, own_rate)
    reason = "MSST's decoder reads only the first of the joined FLAC files"
    return AudioLength(round(samples), round(declared), reason)


def _read_metadata(file: BinaryIO, start: int, deadline: Deadline) -> tuple[int, int, int]:
    """The number of samples and the rate that STREAMINFO declares, and the offset after the metadata."""
    declared = rate = 0
    at = start + 4
    for _ in range(MOST_PIECES):
        deadline.check()
        file.seek(at)
        header = file.read(4)
        if len(header) < 4:
            return declared, rate, at
        if header[0] & 0x7F == STREAMINFO:
            info = file.read(18)
            rate = int.from_bytes(info[10:13], "big") >> 4
            declared = int.from_bytes(info[13:18], "big") & (1 << 36) - 1
        at += 4 + int.from_bytes(header[1:4], "big")
        if header[0] & 0x80:
            return declared, rate, at
    raise Failure("INVALID_AUDIO", TOO_MANY_PIECES)


def _count(window: Window, declared: int) -> tuple[int, int, int | None]:
    """Counts all frames of one file.

    A joined file is searched for only after the declared samples, where an intact file ends.

    Returns:
        The number of samples, the number of gaps between frames, and the offset of a joined file, if any.
    """
    samples = gaps = expected = at = 0
    sync, usual, depth = window.data[:2], window.data[2:3], window.data[3:4]
    if sync not in (b"\xff\xf8", b"\xff\xf9") or not depth:
        return 0, 0, None
    counts_samples = sync == b"\xff\xf9"
    farthest = MOST_FRAMES_LOST * (LONGEST_BLOCK if counts_samples else 1)
    coded = _coded(expected)
    data, searched = _padded(window), 0
    while True:
        at = data.find(sync, at)
        if at < 0 or len(data) - at < LONGEST_HEADER:
            following = _next_file(data, searched, len(data)) if samples >= declared else -1
            if following >= 0 or window.ended:
                return samples, gaps, window.base + following if following >= 0 else None
            # The sync code may cross the end of the window.
            window.move_to(max(0, len(data) - len(SIGNATURE) - 4) if at < 0 else at)
            data, at, searched = _padded(window), 0, 0
            continue
        looks_usual = data[at + 2] == usual[0] and (data[at + 3] ^ depth[0]) & 0x0F == 0
        # Checksumming a million headers would be slow. A header that is as expected in every predictable bit
        # needs no checksum; any other one must prove that it is not audio data that looks like a header.
        if not (looks_usual and data.startswith(coded, at + 4)):
            number = _proven_number(data, at)
            if number != expected and not (
                looks_usual and number and expected < number <= expected + farthest
            ):
                following = _next_file(data, searched, at) if samples >= declared else -1
                if following >= 0:
                    return samples, gaps, window.base + following
                searched = max(searched, at - len(SIGNATURE))
                at += 1
                continue
            gaps += number > expected
            expected, coded = number, _coded(number)
        length = _block_samples(data, at, at + 4 + len(coded))
        samples += length
        expected += length if counts_samples else 1
        coded = _coded(expected)
        at += SHORTEST_FRAME
        searched = at


def _next_file(data: bytes, at: int, end: int) -> int:
    """The index in `data`, from `at` to `end`, where another FLAC file begins; -1 if there is none."""
    at = data.find(SIGNATURE, at, end)
    while at >= 0 and data[at + 4 : at + 8] not in FIRST_BLOCKS:
        at = data.find(SIGNATURE, at + 1, end)
    return at


def _padded(window: Window) -> bytes:
    """The window's data, padded at the end of the file so that a very short last frame can be parsed."""
    return window.data + bytes(LONGEST_HEADER) if window.ended else window.data


def _proven_number(data: bytes, at: int) -> int | None:
    """The number of the frame here; None if no header with a correct checksum begins here."""
    number, end = _decoded(data, at + 4)
    block, rate = data[at + 2] >> 4, data[at + 2] & 0xF
    end += UNCOMMON_BLOCK.get(block, 0) + UNCOMMON_RATE.get(rate, 0)
    is_header = block != 0 and rate != 0xF and end < len(data) and _crc8(data[at:end]) == data[end]
    return number if is_header else None


def _block_samples(data: bytes, at: int, after_number: int) -> int:
    """The samples per channel of the frame; 0 if the block size code is reserved."""
    code = data[at + 2] >> 4
    if code == 1:
        return 192
    if 2 <= code <= 5:
        return 144 << code
    if code == UNCOMMON_8_BIT:
        return data[after_number] + 1
    if code == UNCOMMON_16_BIT:
        return (data[after_number] << 8 | data[after_number + 1]) + 1
    return 1 << code if code >= 8 else 0


def _coded(number: int) -> bytes:
    """A frame or sample number in FLAC's encoding: UTF-8, extended to 36 bits."""
    if number < 0x80:
        return bytes((number,))
    tail: list[int] = []
    while number >= 1 << 6 - len(tail):
        tail.append(0x80 | number & 0x3F)
        number >>= 6
    return bytes(((0xFF80 >> len(tail)) & 0xFF | number, *reversed(tail)))


def _decoded(data: bytes, at: int) -> tuple[int | None, int]:
    lead = data[at]
    if lead < 0x80:
        return lead, at + 1
    length = 8 - (lead ^ 0xFF).bit_length()
    if not 2 <= length <= 7:
        return None, at
    number = lead & (0x7F >> length)
    for byte in data[at + 1 : at + length]:
        if byte >> 6 != 2:
            return None, at
        number = number << 6 | byte & 0x3F
    return number, at + length


@cache
def _crc8_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte << 1 ^ 0x07 if byte & 0x80 else byte << 1) & 0xFF
        table.append(byte)
    return table


def _crc8(header: bytes) -> int:
    table, value = _crc8_table(), 0
    for byte in header:
        value = table[value ^ byte]
    return value
