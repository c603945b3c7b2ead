"""The warm Python API of audio-separator: python audio_separator_api.py MODEL_FOLDER MODEL OUT SONG...

Separates the first song, prints `ready`, waits for a line, separates every song, printing `song` and the
number of stems after each.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from audio_separator.separator import Separator


def main(folder: str, model: str, out: str, *songs: str) -> None:
    # soundfile rather than a run of ffmpeg for each stem.
    separator = Separator(
        log_level=logging.WARNING,
        model_file_dir=folder,
        output_dir=out,
        output_format="WAV",
        use_soundfile=True,
    )
    separator.load_model(model)
    for stem in separator.separate(songs[0]):
        Path(out, stem).unlink()
    print("\nready", flush=True)
    sys.stdin.readline()
    for song in songs:
        print(f"\nsong {len(separator.separate(song))}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
