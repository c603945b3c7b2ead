"""Probes an uploaded file: container, codec, sample rate, channels and real length."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from av.audio.stream import AudioStream
from av.container import InputContainer

from ..protocol import Container, Failure, ProbeResult
from . import unfamiliar
from .decoding import sndfile
from .decoding.decoder import Look, decode_head, decode_tail, opened
from .formats import mp3_frames, wav_header
from .formats.container import FORMATS, is_for_libsndfile, recognise, skip_id3
from .length import flac_length, mp3_length, mp4_length, ogg_length, wav_length
from .length.audio_length import AudioLength
from .limits import Deadline, limited_work

SAMPLE_RATES = (1_000, 768_000)
MOST_CHANNELS = 8
TAIL_SECONDS = 1.0


def probe(path: str) -> ProbeResult:
    """Examines a file without decoding all of it.

    The container is detected by the first bytes; the duration is counted, never taken from a header.

    Returns:
        The file's properties; `staging_reason` says why MSST's own decoder would not read all of it, or is
        None.

    Raises:
        Failure: UNSUPPORTED_FORMAT or INVALID_AUDIO, with a message for the client.
        OSError: the file cannot be opened or read.
    """
    deadline = Deadline()
    with limited_work(), Path(path).open("rb", buffering=0) as raw:
        container, start = recognise(raw, deadline)
        try:
            return _examine_by_best(path, raw, container, start, deadline)
        except (ValueError, ArithmeticError, LookupError, struct.error) as error:
            # Errors in parsing hostile data are the file's fault.
            raise Failure("INVALID_AUDIO", "The file cannot be decoded: it is damaged.") from error


def _examine_by_best(
    path: str, raw: BinaryIO, container: Container, start: int, deadline: Deadline
) -> ProbeResult:
    raw.seek(start)
    if not is_for_libsndfile(raw.read(4 * mp3_frames.LONGEST_FREE)):
        return _examine(path, raw, container, start, deadline)
    found = unfamiliar.examine(path, container, deadline)
    if found is None:
        raise Failure("UNSUPPORTED_FORMAT", f"The file is in none of the supported formats: {FORMATS}.")
    _check_shape(found.sample_rate, found.channels)
    return found


def _examine(path: str, raw: BinaryIO, container: Container, start: int, deadline: Deadline) -> ProbeResult:
    with opened(path, container, deadline) as (file, stream):
        codec = stream.codec_context.name
        _check_shape(stream.codec_context.sample_rate, stream.codec_context.channels)
        head = decode_head(file, stream)
        if head.samples:
            _check_shape(head.sample_rate, head.channels)
        length = _measure(raw, start, container, file, stream, head, deadline)
        _refuse_if_empty(length, head)
        _refuse_if_cut(length, head.sample_rate)
        staging_reason = length.staging_reason or _look_at_tail(
            file, stream, length, head, container, deadline
        )
        if head.channels > 2:
            staging_reason = f"its {head.channels} channels are mixed down to stereo"
        elif staging_reason is None:
            staging_reason = _ask_msst_decoder(path, length, head, container, deadline)
        return ProbeResult(
            container=container,
            codec="mp3" if codec == "mp3float" else codec,
            sample_rate=head.sample_rate,
            channels=head.channels,
            duration_seconds=length.samples / head.sample_rate,
            staging_reason=staging_reason,
        )


def _measure(
    raw: BinaryIO,
    start: int,
    container: Container,
    file: InputContainer,
    stream: AudioStream,
    head: Look,
    deadline: Deadline,
) -> AudioLength:
    match container:
        case "wav":
            return wav_length.measure(raw, wav_header.read(raw, start, deadline), deadline)
        case "flac":
            return flac_length.measure(raw, start, deadline)
        case "mp3":
            return _measure_mp3(raw, start, deadline)
        case "ogg":
            return ogg_length.measure(raw, deadline)
        case "mp4":
            return mp4_length.measure(file, stream, head, deadline)


def _measure_mp3(raw: BinaryIO, start: int, deadline: Deadline) -> AudioLength:
    length = mp3_length.measure(raw, start, deadline)
    if start == skip_id3(raw, deadline):
        return length
    return replace(length, staging_reason="MSST's decoder may not find the first frame of the MP3")


def _check_shape(sample_rate: int, channels: int) -> None:
    lowest, highest = SAMPLE_RATES
    if not lowest <= sample_rate <= highest:
        raise Failure(
            "INVALID_AUDIO",
            f"The file's sample rate is {sample_rate} Hz; allowed are {lowest} to {highest} Hz.",
        )
    if not 1 <= channels <= MOST_CHANNELS:
        raise Failure("INVALID_AUDIO", f"The file has {channels} channels; allowed are 1 to {MOST_CHANNELS}.")


def _refuse_if_empty(length: AudioLength, head: Look) -> None:
    if length.samples == 0:
        if length.declared:
            raise Failure("INVALID_AUDIO", "The file is truncated: it has a header but no audio.")
        raise Failure("INVALID_AUDIO", "The file is empty: it contains no samples.")
    if head.samples == 0:
        raise Failure("INVALID_AUDIO", "Nothing in the file can be decoded: it is damaged.")


def _refuse_if_cut(length: AudioLength, sample_rate: int) -> None:
    if length.declared is None:
        return
    # An encoder may leave an incomplete last frame; more is due to a lost connection or a full disk.
    missing = length.declared - length.samples
    if missing > sample_rate / 2 or missing > length.declared / 10:
        raise Failure(
            "INVALID_AUDIO",
            f"The file is truncated: it declares {length.declared / sample_rate:.1f} s "
            f"but holds {length.samples / sample_rate:.1f} s.",
        )


def _look_at_tail(
    file: InputContainer,
    stream: AudioStream,
    length: AudioLength,
    head: Look,
    container: Container,
    deadline: Deadline,
) -> str | None:
    tail = decode_tail(file, stream, length.samples / head.sample_rate - TAIL_SECONDS, deadline)
    if tail.samples == 0 and length.samples > TAIL_SECONDS * head.sample_rate:
        raise Failure("INVALID_AUDIO", "The end of the file cannot be decoded: it is damaged.")
    # Bad packets after the last frame do no harm: they may not be audio at all.
    is_torn = tail.bad_packets > 0 and tail.end_seconds * head.sample_rate < length.samples - 1
    return flac_length.DAMAGED if container == "flac" and is_torn else None


def _ask_msst_decoder(
    path: str, length: AudioLength, head: Look, container: Container, deadline: Deadline
) -> str | None:
    """Why the file must be staged although counting shows no reason: MSST's decoder itself is tried."""
    if not sndfile.is_there():
        return "libsndfile is missing here, so it is unknown whether it can read the file"
    with sndfile.opened(path) as file:
        if file is None:
            return "MSST's decoder does not open the file"
        if (file.sample_rate, file.channels) != (head.sample_rate, head.channels):
            return "MSST's decoder reports another sample rate or number of channels"
        if container == "mp3" and file.samples >= length.samples:
            # libsndfile has scanned the whole MP3 for its end, and found all the counted samples.
            return None
        read = file.read_end(length.samples - head.sample_rate, deadline)
        if read != length.samples:
            return f"MSST's decoder reads {read} of its {length.samples} samples"
        return None
