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
from .tags import id3_tag


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
    return _extensible(16, 16)(sound)


PCM = bytes.fromhex("0100000000001000800000aa00389b71")
MASKS = {1: 0x4, 2: 0x3, 6: 0x3F, 8: 0x63F}


def _extensible(valid_bits: int, bits: int) -> Maker:
    """Samples of as many bits as are valid, in wider containers."""

    def maker(sound: Sound) -> bytes:
        extra = struct.pack("<HHI", 22, valid_bits, MASKS.get(sound.channels, 0)) + PCM
        form = wave_format(0xFFFE, bits, sound.rate, sound.channels) + extra
        return riff(chunk(b"fmt ", form), chunk(b"data", _in_wide(sound, valid_bits, bits)))

    return maker


def _in_wide(sound: Sound, valid_bits: int, bits: int) -> bytes:
    scale, shift = (1 << valid_bits - 1) - 1, bits - valid_bits
    wide = (round(scale * value) << shift for value in floats(sound))
    return b"".join(value.to_bytes(bits // 8, "little", signed=True) for value in wide)


MAKERS["wav-24-in-32"] = _extensible(24, 32)
MAKERS["wav-16-in-24"] = _extensible(16, 24)


@kind("wav-tag1-24-in-32")
def _wav_tag1_24_in_32(sound: Sound) -> bytes:
    """The same without the header that would say so: only the block size shows it."""
    form = bytearray(wave_format(1, 32, sound.rate, sound.channels))
    struct.pack_into("<H", form, 14, 24)
    return riff(chunk(b"fmt ", bytes(form)), chunk(b"data", _in_wide(sound, 24, 32)))


@kind("wav-wrong-block")
def _wav_wrong_block(sound: Sound) -> bytes:
    """The block size is that of eight bytes a sample."""
    form = bytearray(wave_format(1, 16, sound.rate, sound.channels))
    struct.pack_into("<H", form, 12, 8 * sound.channels)
    return riff(chunk(b"fmt ", bytes(form)), chunk(b"data", shorts(sound)))


@kind("wav-rifx")
def _wav_rifx(sound: Sound) -> bytes:
    """Big-endian."""
    samples = array("h", shorts(sound))
    samples.byteswap()
    frame = 2 * sound.channels
    form = struct.pack(">HHIIHH", 1, sound.channels, sound.rate, sound.rate * frame, frame, 16)
    parts = [b"fmt " + struct.pack(">I", 16) + form]
    parts.append(b"data" + struct.pack(">I", 2 * len(samples)) + samples.tobytes())
    body = b"WAVE" + b"".join(parts)
    return b"RIFX" + struct.pack(">I", len(body)) + body


@kind("wav-w64")
def _wav_w64(sound: Sound) -> bytes:
    """Sony Wave64: names of 16 bytes, lengths of eight."""
    wave, tail = bytes.fromhex("f3acd3118cd100c04f8edb8a"), shorts(sound)
    parts = b"wave" + wave
    for name, body in ((b"fmt ", wave_format(1, 16, sound.rate, sound.channels)), (b"data", tail)):
        parts += name + wave + struct.pack("<Q", 24 + len(body)) + body
    start = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")
    return start + struct.pack("<Q", 24 + len(parts)) + parts


@kind("wav-gsm")
def _wav_gsm(sound: Sound) -> bytes:
    """GSM 6.10, as telephone exchanges record; its blocks of 320 samples hold nothing."""
    form = struct.pack("<HHIIHHHH", 0x31, 1, 8000, 1625, 65, 0, 2, 320)
    blocks = round(sound.seconds * 25)
    fact = chunk(b"fact", struct.pack("<I", 320 * blocks))
    return riff(chunk(b"fmt ", form), fact, chunk(b"data", bytes(65 * blocks)))


@kind("wav-id3")
def _wav_id3(sound: Sound) -> bytes:
    return id3_tag(picture=True) + wav16(sound)


@kind("wav-mp3")
def _wav_mp3(sound: Sound) -> bytes:
    """MP3 in a RIFF (format 0x55)."""
    form = struct.pack("<HHIIHH", 0x55, sound.channels, sound.rate, sound.bitrate // 8, 1, 0)
    extra = struct.pack("<HHIHHH", 12, 1, 2, 417, 1, 1393)
    return riff(chunk(b"fmt ", form + extra), chunk(b"data", MAKERS["mp3"](sound)))


def _float_wav(sound: Sound, *before: bytes) -> bytes:
    header = chunk(b"fmt ", wave_format(3, 32, sound.rate, sound.channels))
    return riff(header, *before, chunk(b"data", floats(sound).tobytes()))


@kind("wav-peak-of-one")
def _wav_peak_of_one(sound: Sound) -> bytes:
    """One peak for all channels, as Adobe Audition writes it; libsndfile wants one for each."""
    return _float_wav(sound, chunk(b"PEAK", struct.pack("<IIfI", 1, 0, 0.6, 100)))


@kind("wav-zeros-before-data")
def _wav_zeros_before_data(sound: Sound) -> bytes:
    return _float_wav(sound, bytes(16))


@kind("wav-two-formats")
def _wav_two_formats(sound: Sound) -> bytes:
    return _float_wav(sound, chunk(b"fmt ", wave_format(3, 32, sound.rate, sound.channels)))


@kind("wav-joined")
def _wav_joined(sound: Sound) -> bytes:
    return wav16(sound) * 2


@kind("wav-two-sounds")
def _wav_two_sounds(sound: Sound) -> bytes:
    """One header, and two `data` chunks with tags between."""
    header = chunk(b"fmt ", wave_format(1, 16, sound.rate, sound.channels))
    half = replace(sound, seconds=sound.seconds / 2)
    return riff(header, chunk(b"data", shorts(sound)), chunk(b"note", b"odd"), chunk(b"data", shorts(half)))


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
