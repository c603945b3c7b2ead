"""Opens files with FFmpeg, restricted to one demuxer and one file, and decodes small parts to inspect."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Protocol

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from ...protocol import Container, Failure
from ..formats import wav_header, wav_rest
from ..formats.container import FORMATS, recognise, skip_id3
from ..formats.windows import Region, size_of
from ..limits import Deadline

# Keep FFmpeg from logging to stderr; errors that matter are raised as exceptions.
av.logging.set_level(None)

DEMUXERS: dict[Container, str] = {"wav": "wav", "flac": "flac", "mp3": "mp3", "ogg": "ogg", "mp4": "mov"}
DEMUXER_NAMES = "wav,flac,mp3,ogg,mov,mp4,m4a,3gp,3g2,mj2"
WIDE = tuple(f"pcm_{name}{order}" for name in ("s16", "s24", "s32", "f32", "f64") for order in ("le", "be"))
PCM = ("pcm_u8", *WIDE, "pcm_alaw", "pcm_mulaw")
CODECS: dict[Container, tuple[str, ...]] = {
    "wav": (*PCM, "adpcm_ms", "adpcm_ima_wav", "mp3", "mp3float"),
    "flac": ("flac",),
    "mp3": ("mp3", "mp3float"),
    "ogg": ("vorbis", "opus"),
    "mp4": ("aac", "alac"),
}
HEAD_PACKETS = 64
"""Enough to get past the first frames of an MP3 cut from a longer one, which depend on missing frames."""
FLOAT_CODES = {"flt": "f", "fltp": "f", "dbl": "d", "dblp": "d"}


@dataclass(frozen=True)
class Look:
    """The result of decoding a few packets."""

    samples: int
    samples_per_packet: int
    sample_rate: int
    channels: int
    bad_packets: int
    end_seconds: float
    """The end of the last decoded frame by the file's timestamps; 0 if unknown."""


class Readable(Protocol):
    """A file object that can be read once, from the start."""

    def read(self, size: int) -> bytes:
        """Reads up to `size` bytes; empty at the end."""


def first_byte(file: BinaryIO, container: Container, deadline: Deadline) -> int:
    """The offset of the first byte that FFmpeg is given; its packet positions are relative to it."""
    if container != "mp3":
        return 0
    # FFmpeg skips ID3 tags by itself, but nothing else reliably.
    start = recognise(file, deadline)[1]
    return 0 if start == skip_id3(file, deadline) else start


@contextmanager
def opened(
    path: str | Path, container: Container, deadline: Deadline | None = None
) -> Iterator[tuple[InputContainer, AudioStream]]:
    """Opens a file with FFmpeg and selects its first audio stream.

    If FFmpeg would interpret a WAV's header differently from MSST's decoder, it is given the raw samples.
    Other demuxers and all protocols except plain files are disabled: otherwise a file that FFmpeg takes for a
    playlist could make it read other files.

    Raises:
        Failure: INVALID_AUDIO when there is no audio stream or the file cannot be read,
            UNSUPPORTED_FORMAT when the codec is not in CODECS.
    """
    options = {"protocol_whitelist": "file", "format_whitelist": DEMUXER_NAMES}
    source: str | Region = f"file:{path}"
    demuxer = DEMUXERS[container]
    if container == "mp3":
        # Otherwise FFmpeg reads a whole MP3 to seek in it, unless it has a seek table.
        options["fflags"] = "+fastseek"
    with ExitStack() as used:
        deadline = deadline or Deadline()
        if container in ("wav", "mp3"):
            raw = used.enter_context(Path(path).open("rb", buffering=0))
        if container == "mp3" and (start := first_byte(raw, container, deadline)):
            source = Region(raw, start, size_of(raw) - start)
        if container == "wav":
            header = wav_header.read(raw, skip_id3(raw, deadline), deadline)
            # If there are several data chunks, FFmpeg would read the last one.
            is_usual = header.is_plain and not wav_rest.unread_seconds(raw, header, deadline)
            named = None if is_usual else header.raw_demuxer()
            if named is not None:
                demuxer, extra = named
                options = {"format_whitelist": demuxer, **extra}
                source = Region(raw, header.data_start, header.data_bytes)
        # From here on, errors of PyAV or FFmpeg are the file's fault: Python could read it.
        used.enter_context(refusing_what_cannot_be_read())
        file = av.open(source, "r", format=demuxer, options=options, metadata_errors="ignore")
        used.enter_context(file)
        yield file, _audio_stream(file, container)


@contextmanager
def opened_pages(pages: Readable) -> Iterator[tuple[InputContainer, AudioStream]]:
    """Like `opened`, for the pages of an Ogg stream."""
    with refusing_what_cannot_be_read():
        file = av.open(
            pages, "r", format="ogg", options={"format_whitelist": "ogg"}, metadata_errors="ignore"
        )
        with file:
            yield file, _audio_stream(file, "ogg")


@contextmanager
def refusing_what_cannot_be_read() -> Iterator[None]:
    """Converts every decoder error to Failure INVALID_AUDIO."""
    try:
        yield
    except MemoryError as error:
        raise Failure("INVALID_AUDIO", "The file needs too much memory to read: it is damaged.") from error
    except av.FFmpegError as error:
        raise Failure("INVALID_AUDIO", "The file cannot be decoded: it is damaged or truncated.") from error


def _audio_stream(file: InputContainer, container: Container) -> AudioStream:
    if not file.streams.audio:
        raise Failure("INVALID_AUDIO", "The file contains no audio stream.")
    stream = file.streams.audio[0]
    codec = stream.codec_context.name if stream.codec_context is not None else "unknown"
    if codec not in CODECS[container]:
        raise Failure(
            "UNSUPPORTED_FORMAT", f"The file's audio is encoded as {codec}; supported are {FORMATS}."
        )
    # Decoder threads would use address space for their stacks, and delay the output.
    stream.codec_context.thread_count = 1
    return stream


def decode_head(file: InputContainer, stream: AudioStream) -> Look:
    """Decodes packets until two have yielded frames, at most HEAD_PACKETS; 0 samples if none could be."""
    return _look(islice(file.demux(stream), HEAD_PACKETS), stop_after_sounding=2)


def decode_tail(file: InputContainer, stream: AudioStream, from_seconds: float, deadline: Deadline) -> Look:
    """Decodes from about `from_seconds` to the end; the whole file if the demuxer cannot seek."""
    assert stream.time_base is not None
    file.seek(max(0, int(from_seconds / stream.time_base)) + (stream.start_time or 0), stream=stream)

    def packets() -> Iterator[av.Packet[AudioStream]]:
        for packet in file.demux(stream):
            deadline.check()
            yield packet

    return _look(packets(), stop_after_sounding=None)


def _look(packets: Iterator[av.Packet[AudioStream]], stop_after_sounding: int | None) -> Look:
    samples = sounding = bad = largest = rate = channels = 0
    end_seconds = 0.0
    for packet in packets:
        try:
            frames = packet.decode()
        except av.FFmpegError:
            bad += 1
            continue
        for frame in frames:
            refuse_non_finite(frame)
            samples += frame.samples
            largest = max(largest, frame.samples)
            rate, channels = frame.sample_rate, len(frame.layout.channels)
            end_seconds = frame.time + frame.samples / rate if frame.time is not None and rate else 0.0
        sounding += bool(frames)
        if sounding == stop_after_sounding:
            break
    return Look(samples, largest, rate, channels, bad, end_seconds)


def refuse_non_finite(frame: AudioFrame) -> None:
    """Raises Failure INVALID_AUDIO if a sample is infinite or NaN."""
    code = FLOAT_CODES.get(frame.format.name)
    if code is None:
        return
    for samples in _planes(frame, array(code).itemsize):
        if not math.isfinite(sum(array(code, samples))):
            raise Failure(
                "INVALID_AUDIO",
                "The file contains samples that are infinite or not a number; no model can use them.",
            )


def _planes(frame: AudioFrame, sample_bytes: int) -> Iterator[bytes]:
    """The samples of each plane, without padding.

    Only existing planes are read: PyAV lists nine for eight planar channels, and reading the ninth crashes
    the process.
    """
    channels = len(frame.layout.channels)
    count, width = (channels, sample_bytes) if frame.format.is_planar else (1, channels * sample_bytes)
    for plane in frame.planes[:count]:
        yield memoryview(plane)[: frame.samples * width].tobytes()
