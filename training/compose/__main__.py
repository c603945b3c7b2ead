"""Compose songs into a folder: `python -m training.compose OUT --songs 600 --seed 1`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from training.command import add_share, number, run, whole, work_through
from training.compose.song_file import write_song


def main(arguments: list[str] | None = None) -> int:
    """Compose what the command line asks for; songs that are there are kept.

    Args:
        arguments: the command line's; those of the process when None.

    Returns:
        The exit status (`training.command.run`).
    """
    asked = parsed(arguments)
    return run(lambda: compose_all(asked))


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The command line, its numbers checked."""
    parser = argparse.ArgumentParser(prog="python -m training.compose", description=__doc__)
    parser.add_argument(
        "out", type=Path, help="folder the songs go to; made when missing, songs in it are kept"
    )
    parser.add_argument("--songs", type=whole(1), default=600, help="how many songs (default: 600)")
    parser.add_argument("--seed", type=whole(0), default=1, help="which collection of songs (default: 1)")
    parser.add_argument(
        "--seconds", type=number(5, 600), default=24.0, help="length of a song, to the bar (default: 24)"
    )
    add_share(parser, "--clear", "songs whose bass is alone in its register, and in what it plays")
    add_share(parser, "--loops", "songs of one bar's patterns over four chords, as the simplest music is")
    add_share(parser, "--accompanied", "songs whose drums, bass and chords Musical MIDI Accompaniment plays")
    parser.add_argument("--workers", type=whole(1), default=1, help="songs composed at once (default: 1)")
    return parser.parse_args(arguments)


def compose_all(asked: argparse.Namespace) -> None:
    """Compose every song that is not there yet; the first that cannot be written ends it."""
    asked.out.mkdir(parents=True, exist_ok=True)
    paths = [asked.out / f"{index:05d}.mid" for index in range(asked.songs)]
    calls = [
        (path, asked.seed, index, asked.seconds, asked.clear, asked.loops, asked.accompanied)
        for index, path in enumerate(paths)
        if not path.exists()
    ]
    work_through(write_song, calls, done=asked.songs - len(calls), workers=asked.workers, unit="song")


if __name__ == "__main__":
    sys.exit(main())
