"""What FFmpeg encodes, and how such a file is spoiled."""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction

import av

from .sound import LAYOUTS, Sound, shorts


def encode(
    container: str,
    codec: str,
    sound: Sound,
    *,
    muxer: dict[str, str] | None = None,
    encoder: dict[str, str] | None = None,
    pcm: bytes | None = None,
) -> bytes:
    """`sound` (or the 16-bit PCM given) as one file of that container and codec."""
    out = Sink()
    with av.open(out, "w", format=container, options={"fflags": "+bitexact", **(muxer or {})}) as file:
        stream = file.add_stream(codec, rate=sound.rate, options={"strict": "-2", **(encoder or {})})
        stream.layout = LAYOUTS[sound.channels]
        stream.codec_context.flags |= 1 << 23  # AV_CODEC_FLAG_BITEXACT: no version of FFmpeg in the file
        if not codec.startswith(("pcm_", "adpcm_", "flac", "alac")):
            stream.bit_rate = sound.bitrate
        for frame in frames(sound, shorts(sound) if pcm is None else pcm):
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return bytes(out.content)


def frames(sound: Sound, pcm: bytes) -> Iterator[av.AudioFrame]:
    width = 2 * sound.channels
    step = 4096
    for start in range(0, len(pcm) // width, step):
        piece = pcm[start * width : (start + step) * width]
        frame = av.AudioFrame(
            format="s16", layout=LAYOUTS[sound.channels], samples=len(piece) // width, align=1
        )
        frame.planes[0].update(piece)
        frame.sample_rate = sound.rate
        frame.time_base = Fraction(1, sound.rate)
        frame.pts = start
        yield frame


class Sink:
    """A seekable file in memory, as PyAV wants it (no `read`: it would be opened for reading)."""

    def __init__(self) -> None:
        self.content = bytearray()
        self._at = 0

    def write(self, data: bytes) -> int:
        self.content[self._at : self._at + len(data)] = data
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, len(self.content))[whence]
        return self._at

    def tell(self) -> int:
        return self._at


def in_the_middle(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


def damaged(whole: bytes, length: int) -> bytes:
    middle = len(whole) // 2
    return whole[:middle] + random.Random(3).randbytes(length) + whole[middle + length :]
