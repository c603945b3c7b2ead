"""What is no audio, or none of the formats that are taken."""

from __future__ import annotations

import random
import struct

from .encoder import encode
from .sound import MAKERS, Maker, Sound, kind


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


def _before_mp3(start: bytes) -> Maker:
    """A file that holds a whole MP3 and is none."""

    def maker(sound: Sound) -> bytes:
        return start + MAKERS["mp3-no-xing"](sound)

    return maker


MAKERS["zip"] = _before_mp3(b"PK\3\4\x14" + bytes(21) + struct.pack("<HH", 6, 0) + b"a.mp3\n")
MAKERS["tar"] = _before_mp3(b"a.mp3".ljust(257, b"\0") + b"ustar".ljust(255, b"\0"))
MAKERS["pdf"] = _before_mp3(b"%PDF-1.7\n")
MAKERS["jpeg"] = _before_mp3(b"\xff\xd8\xff\xe0\0\x10JFIF")
MAKERS["avi"] = _before_mp3(b"RIFF\xff\xff\xff\0AVI LIST")


@kind("html")
def _html(_sound: Sound) -> bytes:
    return b"<!DOCTYPE html><title>404</title>" + b"<p>Not found</p>\n" * 100


@kind("random")
def _random(_sound: Sound) -> bytes:
    return random.Random(5).randbytes(20_000)
