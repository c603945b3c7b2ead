"""Compose songs into a folder: `python -m training.compose OUT --songs 600 --seed 1`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from training.compose.song import compose_song


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
        compose_all(asked)
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


def whole(least: int) -> type[int]:
    """A parser of whole numbers not below `least`."""

    def parse(text: str) -> int:
        if not text.strip().isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return int(text)

    return parse  # type: ignore[return-value]


def duration(text: str) -> float:
    """Seconds between 5 and 600."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 5 <= seconds <= 600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds between 5 and 600")
    return seconds


def compose_all(asked: argparse.Namespace) -> None:
    """Compose every song that is not there yet; the first that cannot be written ends it with its OSError."""
    paths = [asked.out / f"{index:05d}.mid" for index in range(asked.songs)]
    missing = [(index, path) for index, path in enumerate(paths) if not path.exists()]
    progress = tqdm(total=asked.songs, initial=asked.songs - len(missing), unit="song")
    # Spawned, as a fork of a process with threads may hang; only this process minds an interrupt.
    pool = ProcessPoolExecutor(asked.workers, get_context("spawn"), ignore_interrupts)
    with progress, pool:
        jobs = [pool.submit(write_song, path, asked.seed, index, asked.seconds) for index, path in missing]
        try:
            for job in as_completed(jobs):
                job.result()
                progress.update()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def ignore_interrupts() -> None:
    """Leave Ctrl-C to the process that began this one: a song in hand is finished."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def write_song(path: Path, seed: int, index: int, seconds: float) -> None:
    """Compose one song into `path`; it appears there whole or not at all.

    Raises:
        OSError: when it cannot be written (no room, no right).
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        compose_song(seed, index, seconds).save(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
