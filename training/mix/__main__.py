"""Mix and augment rendered songs: `python -m training.mix RENDERED OUT`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from training.command import add_share, run, whole, work_through
from training.mix.song import mix_song
from training.stems import songs_in


def main(arguments: list[str] | None = None) -> int:
    """Mix what the command line asks for; songs whose folder is there are kept.

    Returns:
        The exit status (`training.command.run`).
    """
    asked = parsed(arguments)
    return run(lambda: mix_all(asked))


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The command line, its numbers checked."""
    parser = argparse.ArgumentParser(prog="python -m training.mix", description=__doc__)
    parser.add_argument("rendered", type=Path, help="folder of rendered songs")
    parser.add_argument(
        "out", type=Path, help="folder that gets one folder of stems for each version of a song"
    )
    parser.add_argument("--seed", type=whole(0), default=1, help="which choices (default: 1)")
    parser.add_argument("--versions", type=whole(1), default=1, help="how many of each song (default: 1)")
    add_share(parser, "--plain", "songs left as rendered", 0.4)
    add_share(parser, "--damaged", "songs coded as MP3", 0.1)
    parser.add_argument("--workers", type=whole(1), default=1, help="songs mixed at once (default: 1)")
    return parser.parse_args(arguments)


def mix_all(asked: argparse.Namespace) -> None:
    """Make every version that is not there yet."""
    songs = songs_in(asked.rendered)
    asked.out.mkdir(parents=True, exist_ok=True)
    calls = [
        (song, mixed, (asked.seed, index, version), asked.plain, asked.damaged)
        for version in range(asked.versions)
        for index, song in enumerate(songs)
        if not (mixed := asked.out / f"{song.name}-{version}").exists()
    ]
    done = len(songs) * asked.versions - len(calls)
    work_through(mix_song, calls, done=done, workers=asked.workers, unit="song")


if __name__ == "__main__":
    sys.exit(main())
