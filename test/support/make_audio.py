"""Writes every audio file, sound or odd, that the tests need: the same bytes at every call.

    python test/support/make_audio.py KIND OUT [--seconds S] [--rate HZ] [--channels N] [--bitrate BPS]

KIND is one of the names that `--list` prints. Needs nothing but `av`: it runs where the media child does.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from audio import flac, mp3, mp4, no_audio, ogg, wav  # noqa: F401 - each registers its kinds
from audio.flac import silent_flac
from audio.sound import MAKERS, Sound, shorts
from audio.wav import chunk, riff, wav16, wave_format

__all__ = ["MAKERS", "Sound", "chunk", "make", "riff", "shorts", "silent_flac", "wav16", "wave_format"]


def make(name: str, out: str | Path, **sound: float) -> Path:
    """Writes the file of KIND `name` to `out`; `sound` overrides the fields of Sound. Returns the path."""
    path = Path(out)
    # One whole write: a reader that waits for the file never sees half of it.
    path.write_bytes(MAKERS[name](replace(Sound(), **sound)))  # type: ignore[arg-type]
    return path


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
