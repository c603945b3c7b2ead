"""Counts the samples of an MP3 file from its frame headers, without decoding."""

from __future__ import annotations

import struct
from collections import defaultdict
from dataclasses import dataclass
from typing import BinaryIO

from ..formats import mp3_frames
from ..formats.windows import Window
from ..limits import Deadline
from .audio_length import AudioLength

WORD = struct.Struct(">I")
HAS_FRAMES, HAS_BYTES, HAS_TABLE, HAS_QUALITY = 1, 2, 4, 8
DELAY_AT = 21
FARTHEST_RESYNC = 1024
"""libsndfile's decoder gives up if it expects a frame and finds none within so many bytes."""


@dataclass(frozen=True)
class _Info:
    """The Xing or Info header, which encoders write into a silent first frame."""

    frames: int | None
    padding_samples: int


@dataclass(frozen=True)
class _Tally:
    """The number of frames by kind, and the bytes between and after them."""

    counts: dict[mp3_frames.Frame, int]
    gap_bytes: int
    trailing_bytes: int


def measure(file: BinaryIO, start: int, deadline: Deadline) -> AudioLength:
    """Measures an open MP3 file, in which `start` bytes of tags or junk precede the frames."""
    window = Window(file, start, deadline)
    at = _resync(window, 0)
    if at is None:
        return AudioLength(0)
    first = mp3_frames.known()[mp3_frames.key_at(window.data, at)]
    info = _read_info(window.data[at : at + first.bytes])
    tally = _tally(window, at)
    samples = round(
        sum(count * frame.samples * first.rate / frame.rate for frame, count in tally.counts.items())
    )
    if info is None:
        return AudioLength(samples, staging_reason=_staging_reason(tally, None, first))
    samples -= first.samples
    declared = None if info.frames is None else info.frames * first.samples
    if declared == samples:
        samples = declared = max(0, samples - info.padding_samples)
    return AudioLength(samples, declared, _staging_reason(tally, info.frames, first))


def _staging_reason(tally: _Tally, declared_frames: int | None, first: mp3_frames.Frame) -> str | None:
    frames = sum(tally.counts.values())
    bitrates = {frame.bitrate for frame in tally.counts}
    if tally.gap_bytes:
        return "MSST's decoder may stop where the MP3 frames are interrupted"
    if not all(frame.continues(first) for frame in tally.counts):
        return "MSST's decoder stops where the MP3 changes its sample rate or channels"
    if declared_frames is not None:
        is_longer = frames - 1 > declared_frames
        return "MSST's decoder reads only the first of the joined MP3 files" if is_longer else None
    if len(bitrates) > 1:
        return "MSST's decoder misjudges the length of a variable bit rate MP3 without a frame count"
    if tally.trailing_bytes > FARTHEST_RESYNC:
        return "MSST's decoder stumbles over what follows the last MP3 frame"
    return None


def _read_info(frame: bytes) -> _Info | None:
    at = max(frame.find(b"Xing", 0, 48), frame.find(b"Info", 0, 48))
    if at < 0 or len(frame) < at + 8:
        return None
    (flags,) = WORD.unpack_from(frame, at + 4)
    fields = at + 8
    frames = None
    if flags & HAS_FRAMES and len(frame) >= fields + 4:
        (frames,) = WORD.unpack_from(frame, fields)
    fields += 4 * bool(flags & HAS_FRAMES) + 4 * bool(flags & HAS_BYTES)
    fields += 100 * bool(flags & HAS_TABLE) + 4 * bool(flags & HAS_QUALITY)
    # Only these encoders record the silence that they add before and after the audio.
    if frame[fields : fields + 4] not in (b"LAME", b"Lavf", b"Lavc") or len(frame) < fields + DELAY_AT + 3:
        return _Info(frames, 0)
    delays = int.from_bytes(frame[fields + DELAY_AT : fields + DELAY_AT + 3], "big")
    return _Info(frames, (delays >> 12) + (delays & 0xFFF))


def _tally(window: Window, at: int) -> _Tally:
    known = mp3_frames.known()
    sizes = {key: frame.bytes for key, frame in known.items()}
    counts: dict[int, int] = defaultdict(int)
    gap_bytes = 0
    while True:
        at = _count_run(window, at, sizes, counts)
        stopped_at = window.base + at
        found = _resync(window, at)
        if found is None:
            break
        gap_bytes += window.base + found - stopped_at
        at = found
    by_frame: dict[mp3_frames.Frame, int] = defaultdict(int)
    for key, count in counts.items():
        by_frame[known[key]] += count
    return _Tally(by_frame, gap_bytes, trailing_bytes=max(0, window.size - stopped_at))


def _count_run(window: Window, at: int, sizes: dict[int, int], counts: dict[int, int]) -> int:
    """Counts consecutive frames from index `at` on. Returns the index where no frame follows."""
    # A 500 MB file has more than a million frames: the inner loop only counts.
    word_at, size_of_key, key = WORD.unpack_from, sizes.get, 0
    while True:
        data = window.data
        last = len(data) - WORD.size
        while at <= last:
            key = word_at(data, at)[0] >> 6
            size = size_of_key(key)
            if size is None:
                return at
            counts[key] += 1
            at += size
        if window.ended:
            if window.base + at > window.size:
                # The last frame is incomplete: decoders drop it.
                counts[key] -= 1
            return at
        window.move_to(at)
        at = 0


def _resync(window: Window, at: int) -> int | None:
    """The index of the next confirmed frame from `at` on; None if there is none. May move the window."""
    while True:
        end = len(window.data) if window.ended else len(window.data) - mp3_frames.LONGEST
        found = mp3_frames.find(window.data, end - at, at)
        if found is not None or window.ended:
            return found
        window.move_to(max(at, end))
        at = 0
