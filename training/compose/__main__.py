"""Compose songs into a folder: `python -m training.compose OUT --songs 600 --seed 1`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from training.compose.collection import compose_all


def main(arguments: list[str] | None = None) -> int:
    """Compose what the command line asks for.

    Args:
        arguments: the command line's; those of the process when None.

    Returns:
        The exit status: 0 when every song is there, 1 when one could not be written. Bad arguments end the
        process with 2.
    """
    asked = parsed(arguments)
    try:
        asked.out.mkdir(parents=True, exist_ok=True)
        compose_all(asked.out, asked.songs, asked.seed, asked.seconds, asked.workers)
    except OSError as error:
        print(f"Cannot write songs into {asked.out}: {error.strerror or error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; the songs written so far are whole and will be kept.", file=sys.stderr)
        return 130
    return 0


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The command line, its numbers checked."""
    parser = argparse.ArgumentParser(prog="python -m training.compose", description=__doc__)
    parser.add_argument(
        "out", type=Path, help="folder the songs go to; made when missing, songs in it are kept"
    )
    parser.add_argument("--songs", type=whole(1), default=600, help="how many songs (default: 600)")
    parser.add_argument("--seed", type=whole(0), default=1, help="which collection of songs (default: 1)")
    parser.add_argument(
        "--seconds", type=duration, default=24.0, help="length of a song, to the bar: 5 to 600 (default: 24)"
    )
    parser.add_argument("--workers", type=whole(1), default=1, help="processes to compose with (default: 1)")
    return parser.parse_args(arguments)


def whole(least: int) -> Callable[[str], int]:
    """A parser of whole numbers not below `least`."""

    def parse(text: str) -> int:
        if not text.strip().isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return int(text)

    return parse


def duration(text: str) -> float:
    """Seconds between 5 and 600."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 5 <= seconds <= 600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds between 5 and 600")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
