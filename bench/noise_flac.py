"""Writes a long FLAC of white noise, a second at a time: python bench/noise_flac.py OUT SECONDS."""

from __future__ import annotations

import random
import sys

import av

RATE = 44100
BLOCK = 4410
FRAME_BYTES = 4


def write_noise(out: str, seconds: int) -> None:
    """Encode `seconds` of stereo 16-bit noise to the file `out`."""
    noise = random.Random(7).randbytes(RATE * FRAME_BYTES)
    with av.open(out, "w", format="flac") as file:
        stream = file.add_stream("flac", rate=RATE, options={"compression_level": "0"})
        stream.layout = "stereo"
        for start in range(0, seconds * RATE, BLOCK):
            frame = av.AudioFrame(format="s16", layout="stereo", samples=BLOCK, align=1)
            at = start % RATE * FRAME_BYTES
            frame.planes[0].update(noise[at : at + BLOCK * FRAME_BYTES])
            frame.sample_rate = RATE
            frame.pts = start
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


if __name__ == "__main__":
    write_noise(sys.argv[1], int(sys.argv[2]))
