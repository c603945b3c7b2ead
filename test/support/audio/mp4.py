"""MP4 files."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import av

from .encoder import Sink, damaged, encode, frames, in_the_middle
from .sound import LAYOUTS, Sound, kind, shorts

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
    return in_the_middle(aac(sound))


@kind("m4a-faststart-cut")
def _m4a_faststart_cut(sound: Sound) -> bytes:
    return in_the_middle(aac_faststart(sound))


@kind("m4a-no-samples")
def _m4a_no_samples(sound: Sound) -> bytes:
    out = Sink()
    with av.open(out, "w", format="mp4", options={"fflags": "+bitexact"}) as file:
        stream = file.add_stream("aac", rate=sound.rate)
        stream.layout = LAYOUTS[sound.channels]
        file.start_encoding()
    return bytes(out.content)


@kind("m4a-damaged")
def _m4a_damaged(sound: Sound) -> bytes:
    """2,000 random bytes over the sound in the middle; the tables are whole."""
    return damaged(aac(sound), 2000)


@kind("mp4-lost-chunk")
def _mp4_lost_chunk(sound: Sound) -> bytes:
    """A chunk of the sound in the middle lies beyond the end of the file."""
    whole = bytearray(_movie(sound, with_sound=True))
    at = whole.find(b"stco", whole.find(b"soun")) + 8
    (count,) = struct.unpack_from(">I", whole, at)
    struct.pack_into(">I", whole, at + 4 + 4 * (count // 2), 0x7FFFFFF0)
    return bytes(whole)


@kind("m4a-lost-fragment")
def _m4a_lost_fragment(sound: Sound) -> bytes:
    """The table of one fragment in the middle is damaged."""
    boxes = list(_boxes(_aac_fragmented(sound)))
    tables = [index for index, (name, _) in enumerate(boxes) if name == b"moof"]
    lost = tables[len(tables) // 2]
    boxes[lost] = (b"none", boxes[lost][1][:4] + b"none" + boxes[lost][1][8:])
    return b"".join(box for _, box in boxes)


@kind("m4a-mp3")
def _m4a_mp3(sound: Sound) -> bytes:
    return encode("mp4", "libmp3lame", sound)


@kind("mp4-video-only")
def _mp4_video_only(sound: Sound) -> bytes:
    return _movie(sound, with_sound=False)


@kind("mp4-video-and-audio")
def _mp4_video_and_audio(sound: Sound) -> bytes:
    return _movie(sound, with_sound=True)


def _edited(whole: bytes, *edits: tuple[float, float]) -> bytes:
    """As lossless cutters trim: only what the edit list names is played; seconds, and where they begin."""
    (ticks,) = struct.unpack_from(">I", whole, whole.index(b"mvhd") + 16)
    (media_ticks,) = struct.unpack_from(">I", whole, whole.index(b"mdhd") + 16)
    at = whole.index(b"elst")
    (primed,) = struct.unpack_from(">i", whole, at + 16)
    entries = b"".join(
        struct.pack(">IiI", round(seconds * ticks), primed + round(start * media_ticks), 1 << 16)
        for seconds, start in edits
    )
    changed = bytearray(whole[: at + 8] + struct.pack(">I", len(edits)) + entries + whole[at + 24 :])
    for name in (b"moov", b"trak", b"edts", b"elst"):
        place = changed.rindex(name, 0, at + 4) - 4
        (size,) = struct.unpack_from(">I", changed, place)
        struct.pack_into(">I", changed, place, size + 12 * (len(edits) - 1))
    return bytes(changed)


@kind("m4a-end-trimmed")
def _m4a_end_trimmed(sound: Sound) -> bytes:
    return _edited(aac(sound), (sound.seconds / 3, 0))


@kind("m4a-start-trimmed")
def _m4a_start_trimmed(sound: Sound) -> bytes:
    return _edited(aac(sound), (sound.seconds / 3, sound.seconds * 2 / 3))


@kind("m4a-middle-removed")
def _m4a_middle_removed(sound: Sound) -> bytes:
    return _edited(aac(sound), (sound.seconds / 6, 0), (sound.seconds / 6, sound.seconds * 5 / 6))


@kind("m4a-played-twice")
def _m4a_played_twice(sound: Sound) -> bytes:
    return _edited(aac(sound), (sound.seconds, 0), (sound.seconds, 0))


@kind("m4a-alac-trimmed")
def _m4a_alac_trimmed(sound: Sound) -> bytes:
    return _edited(alac(sound), (sound.seconds / 3, sound.seconds / 3))


@kind("m4a-trimmed-cut")
def _m4a_trimmed_cut(sound: Sound) -> bytes:
    """Trimmed at its start, and cut off in the middle of what is left."""
    whole = _moov_first(_m4a_start_trimmed(sound))
    return whole[: len(whole) * 5 // 6]


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
    out = Sink()
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
            for frame in frames(sound, shorts(sound)):
                file.mux(audio.encode(frame))
            file.mux(audio.encode(None))
    return bytes(out.content)
