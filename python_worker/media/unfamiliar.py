"""Probes, by libsndfile only, files that MSST's decoder reads but FFmpeg does not. They are never staged."""

from __future__ import annotations

import math

from ..protocol import Container, Failure, ProbeResult
from .decoding import sndfile
from .limits import Deadline

CODECS = {
    **{0x02: "pcm_s16le", 0x03: "pcm_s24le", 0x04: "pcm_s32le", 0x05: "pcm_u8", 0x06: "pcm_f32le"},
    **{0x07: "pcm_f64le", 0x10: "pcm_mulaw", 0x11: "pcm_alaw"},
    0x82: "mp3",
}
SUBTYPE = 0xFFFF
W64 = 0x0B0000
TYPE = 0x0FFF0000


def examine(path: str, container: Container, deadline: Deadline) -> ProbeResult | None:
    """Probes such a file; None if libsndfile does not read it either.

    Raises:
        Failure: INVALID_AUDIO if it is empty, holds infinity or NaN, or has more than two channels, which
            only staging by FFmpeg could mix down.
    """
    if not sndfile.is_there():
        return None
    with sndfile.opened(path) as file:
        codec = None if file is None else CODECS.get(file.format & SUBTYPE)
        if file is None or codec is None:
            return None
        if file.channels > 2:
            raise Failure(
                "INVALID_AUDIO",
                f"The file has {file.channels} channels, but its encoding allows one or two only. "
                "Save it as an ordinary WAV or FLAC.",
            )
        head = file.read(sndfile.BLOCK_SAMPLES)
        if not math.isfinite(sum(head)):
            raise Failure(
                "INVALID_AUDIO",
                "The file contains samples that are infinite or not a number; no model can use them.",
            )
        # Only for uncompressed samples is their number known without reading them all.
        is_plain = file.format & TYPE == W64 and codec.startswith("pcm")
        held = len(head) // file.channels
        samples = (
            file.read_end(file.samples - file.sample_rate, deadline)
            if is_plain
            else file.read_on(held, deadline)
        )
        if samples == 0:
            raise Failure("INVALID_AUDIO", "The file is empty: it contains no samples.")
        seconds = samples / file.sample_rate
        return ProbeResult(container, codec, file.sample_rate, file.channels, seconds, staging_reason=None)
