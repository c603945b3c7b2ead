"""Ogg files: Vorbis, Opus, FLAC."""

from __future__ import annotations

from dataclasses import replace

from .encoder import encode, in_the_middle
from .sound import Sound, kind


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
    return in_the_middle(vorbis(sound))


@kind("opus-cut")
def _opus_cut(sound: Sound) -> bytes:
    return in_the_middle(opus(sound))


@kind("ogg-chained")
def _ogg_chained(sound: Sound) -> bytes:
    return vorbis(sound) + encode("ogg", "vorbis", sound, muxer={"serial_offset": "77"})


@kind("opus-chained")
def _opus_chained(sound: Sound) -> bytes:
    at_48k = replace(sound, rate=48000)
    return opus(sound) + encode("ogg", "libopus", at_48k, muxer={"serial_offset": "77"})
