"""Writes songs as raw stereo float32 at a rate: python bench/queue/raw_pcm.py RATE OUT_FOLDER SONG..."""

from __future__ import annotations

import sys
from pathlib import Path

import librosa
import numpy


def main(rate: str, out: str, *songs: str) -> None:
    for song in songs:
        audio, _ = librosa.load(song, sr=int(rate), mono=False)
        channels = numpy.broadcast_to(audio, (2, audio.shape[-1])) if audio.ndim == 1 else audio
        Path(out, f"{Path(song).name}.f32").write_bytes(numpy.ascontiguousarray(channels.T, "<f4").tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
