"""Writes every audio file, sound or odd, that the tests need: the same bytes at every call.

    python test/support/make_audio.py KIND OUT [--seconds S] [--rate HZ] [--channels N] [--bitrate BPS]

KIND is one of the names that `--list` prints. Needs nothing but `av`: it runs where the media child does.
"""

from __future__ import annotations

import argparse
import math
import random
import struct
import sys
import zlib
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import av

LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


@dataclass(frozen=True)
class Sound:
    """What is to be heard: tones, another in every channel, with a burst of noise twice a second."""

    seconds: float = 3.0
    rate: int = 44100
    channels: int = 2
    bitrate: int = 128_000

    @property
    def samples(self) -> int:
        """The number of samples a channel."""
        return round(self.seconds * self.rate)


Maker = Callable[[Sound], bytes]
MAKERS: dict[str, Maker] = {}


def kind(name: str) -> Callable[[Maker], Maker]:
    """Registers the decorated function as the maker of KIND `name`."""

    def register(maker: Maker) -> Maker:
        MAKERS[name] = maker
        return maker

    return register


def make(name: str, out: str | Path, **sound: float) -> Path:
    """Writes the file of KIND `name` to `out`; `sound` overrides the fields of Sound. Returns the path."""
    path = Path(out)
    # One whole write: a reader that waits for the file never sees half of it.
    path.write_bytes(MAKERS[name](replace(Sound(), **sound)))  # type: ignore[arg-type]
    return path


# --- the signal ---------------------------------------------------------------------------------------------


@cache
def _one_second(rate: int, channels: int) -> array[float]:
    noise = random.Random(7)
    samples = array("f", bytes(4 * rate * channels))
    for channel in range(channels):
        low, high = 110 * (channel + 1), 440 + 55 * channel
        for index in range(rate):
            time = index / rate
            burst = math.exp(-40 * (time % 0.5)) * noise.uniform(-0.4, 0.4)
            tone = 0.3 * math.sin(2 * math.pi * low * time) + 0.15 * math.sin(2 * math.pi * high * time)
            samples[index * channels + channel] = tone + burst
    return samples


def floats(sound: Sound) -> array[float]:
    """The interleaved samples, within full scale."""
    if sound.rate > 1_000_000 or sound.rate < 1000 or sound.channels > 16:
        # Only the header of such a file matters; noise would take long to make.
        return array("f", bytes(4 * sound.samples * sound.channels))
    second = _one_second(sound.rate, sound.channels)
    whole, rest = divmod(sound.samples, sound.rate)
    return second * whole + second[: rest * sound.channels]


def shorts(sound: Sound) -> bytes:
    """The interleaved samples as little-endian 16-bit PCM."""
    return array("h", (round(32767 * value) for value in floats(sound))).tobytes()


# --- WAV ----------------------------------------------------------------------------------------------------


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


# --- what FFmpeg encodes ------------------------------------------------------------------------------------


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
    out = _Sink()
    with av.open(out, "w", format=container, options={"fflags": "+bitexact", **(muxer or {})}) as file:
        stream = file.add_stream(codec, rate=sound.rate, options={"strict": "-2", **(encoder or {})})
        stream.layout = LAYOUTS[sound.channels]
        stream.codec_context.flags |= 1 << 23  # AV_CODEC_FLAG_BITEXACT: no version of FFmpeg in the file
        if not codec.startswith(("pcm_", "adpcm_", "flac", "alac")):
            stream.bit_rate = sound.bitrate
        for frame in _frames(sound, shorts(sound) if pcm is None else pcm):
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return bytes(out.content)


def _frames(sound: Sound, pcm: bytes) -> Iterator[av.AudioFrame]:
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


class _Sink:
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


def _in_the_middle(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


def _damaged(whole: bytes, length: int) -> bytes:
    middle = len(whole) // 2
    return whole[:middle] + random.Random(3).randbytes(length) + whole[middle + length :]


# --- FLAC ---------------------------------------------------------------------------------------------------


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
    return _in_the_middle(flac(sound))


@kind("flac-cut-tail")
def _flac_cut_tail(sound: Sound) -> bytes:
    """Only the last frame is torn: some hundredths of a second."""
    return flac(sound)[:-200]


@kind("flac-damaged")
def _flac_damaged(sound: Sound) -> bytes:
    """Random bytes over the header of one frame in the middle."""
    return _damaged(flac(sound), 2000)


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


# --- MP3 ----------------------------------------------------------------------------------------------------

PLAIN_MP3 = {"write_xing": "0", "id3v2_version": "0"}
VARIABLE = {"flags": "+qscale", "global_quality": "472"}


@kind("mp3")
def mp3(sound: Sound) -> bytes:
    """MP3 with a Xing/Info frame, which says the number of frames and the encoder's delay."""
    return encode("mp3", "libmp3lame", sound, muxer={"id3v2_version": "0"})


@kind("mp3-no-xing")
def _mp3_no_xing(sound: Sound) -> bytes:
    return encode("mp3", "libmp3lame", sound, muxer=PLAIN_MP3)


@kind("mp3-vbr")
def _mp3_vbr(sound: Sound) -> bytes:
    return encode("mp3", "libmp3lame", sound, muxer={"id3v2_version": "0"}, encoder=VARIABLE)


@kind("mp3-vbr-no-xing")
def _mp3_vbr_no_xing(sound: Sound) -> bytes:
    return encode("mp3", "libmp3lame", sound, muxer=PLAIN_MP3, encoder=VARIABLE)


@kind("mp3-id3")
def _mp3_id3(sound: Sound) -> bytes:
    return id3_tag(picture=False) + mp3(sound) + b"TAG" + b"a title".ljust(125, b"\0")


@kind("mp3-cover-art")
def _mp3_cover_art(sound: Sound) -> bytes:
    return id3_tag(picture=True) + mp3(sound)


@kind("mp3-joined")
def _mp3_joined(sound: Sound) -> bytes:
    return mp3(sound) + mp3(sound)


@kind("mp3-joined-no-xing")
def _mp3_joined_no_xing(sound: Sound) -> bytes:
    return _mp3_no_xing(sound) * 2


@kind("mp3-joined-tags")
def _mp3_joined_tags(sound: Sound) -> bytes:
    return _mp3_id3(sound) * 2


@kind("mp3-xing-too-small")
def _mp3_xing_too_small(sound: Sound) -> bytes:
    return _with_xing_frames(mp3(sound), lambda frames: frames // 2)


@kind("mp3-xing-too-large")
def _mp3_xing_too_large(sound: Sound) -> bytes:
    return _with_xing_frames(mp3(sound), lambda frames: frames * 2)


@kind("mp3-joined-bitrates")
def _mp3_joined_bitrates(sound: Sound) -> bytes:
    slower = replace(sound, bitrate=sound.bitrate // 2)
    return _mp3_no_xing(sound) + _mp3_no_xing(slower)


@kind("mp3-joined-mono")
def _mp3_joined_mono(sound: Sound) -> bytes:
    return _mp3_no_xing(sound) + _mp3_no_xing(replace(sound, channels=1))


@kind("mp3-joined-rates")
def _mp3_joined_rates(sound: Sound) -> bytes:
    return _mp3_no_xing(sound) + _mp3_no_xing(replace(sound, rate=sound.rate // 2))


@kind("mp3-trailing-garbage")
def _mp3_trailing_garbage(sound: Sound) -> bytes:
    return mp3(sound) + bytes(100_000)


@kind("mp3-no-xing-trailing-garbage")
def _mp3_no_xing_trailing_garbage(sound: Sound) -> bytes:
    return _mp3_no_xing(sound) + bytes(100_000)


@kind("mp3-cut")
def _mp3_cut(sound: Sound) -> bytes:
    return _in_the_middle(mp3(sound))


@kind("mp3-cut-no-xing")
def _mp3_cut_no_xing(sound: Sound) -> bytes:
    return _in_the_middle(_mp3_no_xing(sound))


@kind("mp3-damaged")
def _mp3_damaged(sound: Sound) -> bytes:
    """Random bytes over 2,000 in the middle: five frames are lost."""
    return _damaged(mp3(sound), 2000)


@kind("mp2")
def _mp2(sound: Sound) -> bytes:
    return encode("mp2", "mp2", sound)


@kind("mp3-no-samples")
def _mp3_no_samples(_sound: Sound) -> bytes:
    return id3_tag(picture=True)


def _with_xing_frames(whole: bytes, change: Callable[[int], int]) -> bytes:
    at = max(whole.find(b"Xing", 0, 200), whole.find(b"Info", 0, 200)) + 8
    (frames,) = struct.unpack_from(">I", whole, at)
    return whole[:at] + struct.pack(">I", change(frames)) + whole[at + 4 :]


def id3_tag(*, picture: bool) -> bytes:
    """An ID3v2.3 tag with a title and, if wanted, a cover."""
    frames = _id3_frame(b"TIT2", b"\0a title")
    if picture:
        frames += _id3_frame(b"APIC", b"\0image/png\0\x03\0" + png())
    size = len(frames)
    return b"ID3\x03\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + frames


def _id3_frame(name: bytes, body: bytes) -> bytes:
    return name + struct.pack(">IH", len(body), 0) + body


def png() -> bytes:
    """One red pixel."""

    def part(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + part(b"IHDR", header)
        + part(b"IDAT", zlib.compress(b"\0\xff\0\0"))
        + part(b"IEND", b"")
    )


# --- Ogg ----------------------------------------------------------------------------------------------------


@kind("ogg-vorbis")
def vorbis(sound: Sound) -> bytes:
    """Ogg Vorbis; FFmpeg's own encoder makes stereo only."""
    return encode("ogg", "vorbis", sound)


@kind("ogg-opus")
def opus(sound: Sound) -> bytes:
    """Ogg Opus, always 48 kHz inside."""
    return encode("ogg", "libopus", replace(sound, rate=48000))


@kind("ogg-flac")
def _ogg_flac(sound: Sound) -> bytes:
    return encode("ogg", "flac", sound)


@kind("ogg-cut")
def _ogg_cut(sound: Sound) -> bytes:
    return _in_the_middle(vorbis(sound))


@kind("opus-cut")
def _opus_cut(sound: Sound) -> bytes:
    return _in_the_middle(opus(sound))


@kind("ogg-chained")
def _ogg_chained(sound: Sound) -> bytes:
    return vorbis(sound) + encode("ogg", "vorbis", sound, muxer={"serial_offset": "77"})


@kind("opus-chained")
def _opus_chained(sound: Sound) -> bytes:
    at_48k = replace(sound, rate=48000)
    return opus(sound) + encode("ogg", "libopus", at_48k, muxer={"serial_offset": "77"})


# --- MP4 ----------------------------------------------------------------------------------------------------

FASTSTART = {"movflags": "+faststart"}
FRAGMENTED = {"movflags": "+frag_keyframe+empty_moov+default_base_moof", "frag_duration": "500000"}


@kind("m4a-aac")
def aac(sound: Sound) -> bytes:
    """AAC in MP4, with the tables (`moov`) behind the sound."""
    return encode("mp4", "aac", sound)


@kind("m4a-aac-faststart")
def aac_faststart(sound: Sound) -> bytes:
    """AAC in MP4, with the tables before the sound."""
    return _moov_first(aac(sound))


@kind("m4a-aac-fragmented")
def _aac_fragmented(sound: Sound) -> bytes:
    return encode("mp4", "aac", sound, muxer=FRAGMENTED)


@kind("m4a-alac")
def alac(sound: Sound) -> bytes:
    """ALAC in MP4."""
    return encode("mp4", "alac", sound)


@kind("m4a-cut")
def _m4a_cut(sound: Sound) -> bytes:
    return _in_the_middle(aac(sound))


@kind("m4a-faststart-cut")
def _m4a_faststart_cut(sound: Sound) -> bytes:
    return _in_the_middle(aac_faststart(sound))


@kind("m4a-no-samples")
def _m4a_no_samples(sound: Sound) -> bytes:
    out = _Sink()
    with av.open(out, "w", format="mp4", options={"fflags": "+bitexact"}) as file:
        stream = file.add_stream("aac", rate=sound.rate)
        stream.layout = LAYOUTS[sound.channels]
        file.start_encoding()
    return bytes(out.content)


@kind("m4a-damaged")
def _m4a_damaged(sound: Sound) -> bytes:
    """2,000 random bytes over the sound in the middle; the tables are whole."""
    return _damaged(aac(sound), 2000)


@kind("m4a-mp3")
def _m4a_mp3(sound: Sound) -> bytes:
    return encode("mp4", "libmp3lame", sound)


@kind("mp4-video-only")
def _mp4_video_only(sound: Sound) -> bytes:
    return _movie(sound, with_sound=False)


@kind("mp4-video-and-audio")
def _mp4_video_and_audio(sound: Sound) -> bytes:
    return _movie(sound, with_sound=True)


def _moov_first(whole: bytes) -> bytes:
    """Moves `moov` to the front, as FFmpeg's faststart does (which needs a real file to read back)."""
    boxes = dict(_boxes(whole))
    moov = bytearray(boxes[b"moov"])
    at = moov.find(b"stco") + 8
    (count,) = struct.unpack_from(">I", moov, at)
    for index in range(count):
        place = at + 4 + 4 * index
        struct.pack_into(">I", moov, place, struct.unpack_from(">I", moov, place)[0] + len(moov))
    return boxes[b"ftyp"] + bytes(moov) + boxes.get(b"free", b"") + boxes[b"mdat"]


def _boxes(whole: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(whole):
        size, name = struct.unpack_from(">I4s", whole, at)
        yield name, whole[at : at + size]
        at += size


def _movie(sound: Sound, *, with_sound: bool) -> bytes:
    out = _Sink()
    with av.open(out, "w", format="mp4", options={"fflags": "+bitexact"}) as file:
        video = file.add_stream("mpeg4", rate=10, options={"flags": "+bitexact"})
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        audio = file.add_stream("aac", rate=sound.rate) if with_sound else None
        if audio:
            audio.layout = LAYOUTS[sound.channels]
        for index in range(max(1, round(10 * sound.seconds))):
            picture = av.VideoFrame(32, 32, "yuv420p")
            for plane in picture.planes:
                plane.update(bytes([16 * index % 256]) * plane.buffer_size)
            picture.pts = index
            file.mux(video.encode(picture))
        file.mux(video.encode(None))
        if audio:
            for frame in _frames(sound, shorts(sound)):
                file.mux(audio.encode(frame))
            file.mux(audio.encode(None))
    return bytes(out.content)


# --- what is no audio ---------------------------------------------------------------------------------------


@kind("empty")
def _empty(_sound: Sound) -> bytes:
    return b""


@kind("text")
def _text(_sound: Sound) -> bytes:
    return b"This is no audio, whatever its name says.\n" * 50


@kind("ffconcat")
def _ffconcat(_sound: Sound) -> bytes:
    return b"ffconcat version 1.0\nfile other.wav\n"


@kind("sdp")
def _sdp(_sound: Sound) -> bytes:
    lines = (
        "v=0",
        "o=- 0 0 IN IP4 127.0.0.1",
        "s=x",
        "c=IN IP4 127.0.0.1",
        "t=0 0",
        "m=audio 5004 RTP/AVP 0",
        "",
    )
    return "\r\n".join(lines).encode()


@kind("m3u8")
def _m3u8(_sound: Sound) -> bytes:
    return b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nother.wav\n#EXT-X-ENDLIST\n"


@kind("aiff")
def _aiff(sound: Sound) -> bytes:
    return encode("aiff", "pcm_s16be", sound)


@kind("matroska")
def _matroska(sound: Sound) -> bytes:
    return encode("matroska", "flac", sound)


@kind("random")
def _random(_sound: Sound) -> bytes:
    return random.Random(5).randbytes(20_000)


def main(arguments: list[str]) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Writes one audio file for a test.")
    parser.add_argument("kind", nargs="?", choices=sorted(MAKERS), metavar="KIND")
    parser.add_argument("out", nargs="?", type=Path, metavar="OUT")
    parser.add_argument("--seconds", type=float, default=Sound.seconds)
    parser.add_argument("--rate", type=int, default=Sound.rate)
    parser.add_argument("--channels", type=int, default=Sound.channels)
    parser.add_argument("--bitrate", type=int, default=Sound.bitrate)
    parser.add_argument("--list", action="store_true", help="print every KIND")
    given = parser.parse_args(arguments)
    if given.list:
        print("\n".join(sorted(MAKERS)))
        return 0
    if given.kind is None or given.out is None:
        parser.error("KIND and OUT are needed")
    make(
        given.kind,
        given.out,
        seconds=given.seconds,
        rate=given.rate,
        channels=given.channels,
        bitrate=given.bitrate,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
