"""A folder of composed songs: the missing ones are composed, each appears whole or not at all."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from training.compose.song import compose_song


def compose_all(out: Path, songs: int, seed: int, seconds: float, workers: int) -> None:
    """Compose the songs that a folder lacks, showing progress on stderr.

    Args:
        out: the folder, which exists.
        songs: how many songs it is to hold, 00000.mid and on.
        seed: which collection of songs.
        seconds: how long each lasts.
        workers: processes to compose with.

    Raises:
        OSError: when a song cannot be written; the others begun are finished first.
    """
    paths = [out / f"{index:05d}.mid" for index in range(songs)]
    missing = [(index, path) for index, path in enumerate(paths) if not path.exists()]
    progress = tqdm(total=songs, initial=songs - len(missing), unit="song")
    # Spawned, as a fork of a process with threads may hang; only this process minds an interrupt.
    pool = ProcessPoolExecutor(workers, get_context("spawn"), ignore_interrupts)
    with progress, pool:
        jobs = [pool.submit(write_song, path, seed, index, seconds) for index, path in missing]
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
