"""The network alone: python bench/queue/floor.py CONFIG CHECKPOINT ARCHITECTURE DEVICE SONG...

Loads the model as MSST does and separates the songs in memory, the first one once more before, to warm up.
Prints a line `song` and the nanoseconds of `time.monotonic` when it is warm and after each song.
"""

from __future__ import annotations

import sys
import time

import msst


def main(config: str, checkpoint: str, architecture: str, device: str, *songs: str) -> None:
    separator = msst.Separator(
        config_path=config,
        checkpoint_path=checkpoint,
        model_type=architecture,
        force_cpu=device == "cpu",
        detailed_progress=False,
    )
    separator.separate_file(songs[0])
    tell_moment()
    for song in songs:
        separator.separate_file(song)
        tell_moment()


def tell_moment() -> None:
    print(f"\nsong {time.monotonic_ns()}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
