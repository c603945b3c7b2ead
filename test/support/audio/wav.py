"""WAV files, written byte by byte."""

from __future__ import annotations

import math
import random
import struct
from array import array
from collections.abc import Callable
from dataclasses import replace

from .encoder import encode
from .sound import MAKERS, Maker, Sound, floats, kind, shorts


def chunk(name: bytes, body: bytes) -> bytes:
    """One RIFF chunk, padded to an even length."""
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def wave_format(tag: int, bits: int, rate: int, channels: int) -> bytes:
    """The body of a `fmt ` chunk."""
    frame = channels * bits // 8
    return struct.pack("<HHIIHH", tag, channels, rate, rate * frame & 0xFFFFFFFF, frame, bits)


def riff(*chunks: bytes) -> bytes:
    """A whole WAV file of these chunks."""
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def wav16(sound: Sound) -> bytes:
    """A plain WAV of 16 bits."""
    header = chunk(b"fmt ", wave_format(1, 16, sound.rate, sound.channels))
    return riff(header, chunk(b"data", shorts(sound)))


def _wav_of(tag: int, bits: int, pack: Callable[[array[float]], bytes]) -> Maker:
    def maker(sound: Sound) -> bytes:
        header = chunk(b"fmt ", wave_format(tag, bits, sound.rate, sound.channels))
        return riff(header, chunk(b"data", pack(floats(sound))))

    return maker


def _s24(samples: array[float]) -> bytes:
    wide = array("i", (round(8388607 * value) << 8 for value in samples)).tobytes()
    return b"".join(wide[at + 1 : at + 4] for at in range(0, len(wide), 4))


def _companded(codec: str) -> Maker:
    def maker(sound: Sound) -> bytes:
        return encode("wav", codec, sound)

    return maker


MAKERS["wav"] = wav16
MAKERS["wav-u8"] = _wav_of(1, 8, lambda samples: bytes(128 + round(127 * value) for value in samples))
MAKERS["wav-s24"] = _wav_of(1, 24, _s24)
MAKERS["wav-s32"] = _wav_of(1, 32, lambda s: array("i", (round(2147483000 * v) for v in s)).tobytes())
MAKERS["wav-f32"] = _wav_of(3, 32, lambda samples: samples.tobytes())
MAKERS["wav-f64"] = _wav_of(3, 64, lambda samples: array("d", samples).tobytes())
MAKERS["wav-alaw"] = _companded("pcm_alaw")
MAKERS["wav-mulaw"] = _companded("pcm_mulaw")
MAKERS["wav-adpcm-ms"] = _companded("adpcm_ms")
MAKERS["wav-adpcm-ima"] = _companded("adpcm_ima_wav")


@kind("wav-silence")
def _wav_silence(sound: Sound) -> bytes:
    header = chunk(b"fmt ", wave_format(1, 16, sound.rate, sound.channels))
    return riff(header, chunk(b"data", bytes(2 * sound.samples * sound.channels)))


@kind("wav-one-sample")
def _wav_one_sample(sound: Sound) -> bytes:
    return wav16(replace(sound, seconds=1 / sound.rate))


@kind("wav-no-samples")
def _wav_no_samples(sound: Sound) -> bytes:
    return wav16(replace(sound, seconds=0))


@kind("wav-extensible")
def _wav_extensible(sound: Sound) -> bytes:
    masks = {1: 0x4, 2: 0x3, 6: 0x3F, 8: 0x63F}
    pcm = bytes.fromhex("0100000000001000800000aa00389b71")
    extra = struct.pack("<HHI", 22, 16, masks.get(sound.channels, 0)) + pcm
    header = chunk(b"fmt ", wave_format(0xFFFE, 16, sound.rate, sound.channels) + extra)
    return riff(header, chunk(b"data", shorts(sound)))


@kind("wav-rf64")
def _wav_rf64(sound: Sound) -> bytes:
    data = shorts(sound)
    sizes = struct.pack("<QQQI", 72 + len(data), len(data), sound.samples, 0)
    body = chunk(b"ds64", sizes) + chunk(b"fmt ", wave_format(1, 16, sound.rate, sound.channels))
    return b"RF64\xff\xff\xff\xffWAVE" + body + b"data\xff\xff\xff\xff" + data


@kind("wav-list-first")
def _wav_list_first(sound: Sound) -> bytes:
    tags = chunk(b"LIST", b"INFO" + chunk(b"INAM", b"a name\0"))
    header = chunk(b"fmt ", wave_format(1, 16, sound.rate, sound.channels))
    return riff(tags, header, chunk(b"data", shorts(sound)))


@kind("wav-odd-chunk")
def _wav_odd_chunk(sound: Sound) -> bytes:
    header = chunk(b"fmt ", wave_format(1, 16, sound.rate, sound.channels))
    return riff(header, chunk(b"note", b"odd"), chunk(b"data", shorts(sound)), chunk(b"note", b"x"))


@kind("wav-trailing-garbage")
def _wav_trailing_garbage(sound: Sound) -> bytes:
    return wav16(sound) + random.Random(3).randbytes(4097)


@kind("wav-unclosed")
def _wav_unclosed(sound: Sound) -> bytes:
    """As a recorder leaves it that crashed: the lengths are still 0."""
    whole = wav16(sound)
    return whole[:4] + bytes(4) + whole[8:40] + bytes(4) + whole[44:]


@kind("wav-streamed")
def _wav_streamed(sound: Sound) -> bytes:
    """As a program writes to a pipe: it cannot go back to fill in the lengths."""
    header = chunk(b"fmt ", wave_format(1, 16, sound.rate, sound.channels))
    return b"RIFF\xff\xff\xff\xffWAVE" + header + b"data\xff\xff\xff\xff" + shorts(sound)


@kind("wav-forged-length")
def _wav_forged_length(sound: Sound) -> bytes:
    """The header declares 2 GB of samples."""
    whole = wav16(sound)
    return whole[:40] + struct.pack("<I", 2_000_000_000) + whole[44:]


@kind("wav-cut")
def _wav_cut(sound: Sound) -> bytes:
    whole = wav16(sound)
    # An odd length: the last frame is cut as well.
    return whole[: len(whole) // 2 | 1]


@kind("wav-nan-head")
def _wav_nan_head(sound: Sound) -> bytes:
    return _wav_with(sound, at=10, value=math.nan)


@kind("wav-nan-middle")
def _wav_nan_middle(sound: Sound) -> bytes:
    return _wav_with(sound, at=sound.samples // 2, value=math.nan)


@kind("wav-infinite-head")
def _wav_infinite_head(sound: Sound) -> bytes:
    return _wav_with(sound, at=10, value=math.inf)


def _wav_with(sound: Sound, *, at: int, value: float) -> bytes:
    samples = floats(sound)
    samples[at * sound.channels] = value
    header = chunk(b"fmt ", wave_format(3, 32, sound.rate, sound.channels))
    return riff(header, chunk(b"data", samples.tobytes()))


@kind("wav-1hz")
def _wav_1hz(sound: Sound) -> bytes:
    return wav16(replace(sound, rate=1, seconds=1000))


@kind("wav-10mhz")
def _wav_10mhz(sound: Sound) -> bytes:
    return wav16(replace(sound, rate=10_000_000, seconds=0.01))


@kind("wav-96-channels")
def _wav_96_channels(sound: Sound) -> bytes:
    return wav16(replace(sound, channels=96, seconds=0.1))
