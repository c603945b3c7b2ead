"""What the network learns from: excerpts of stems, mixed anew at every step."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import util
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from training.command import CommandError
from training.sound import length_of, opened
from training.stems import STEMS, stem_path
from training.train.colour import recoloured

# The share of examples whose stems are of three songs, where none is told.
APART = 0.5


@dataclass(frozen=True)
class Song:
    """A folder of stems, and how many samples each has."""

    folder: Path
    samples: int


def open_songs(folders: list[Path], chunk: int) -> list[Song]:
    """The songs that are long enough for an excerpt.

    Raises:
        CommandError: none is.
    """
    songs = [Song(folder, length_of(folder)) for folder in folders]
    usable = [song for song in songs if song.samples >= chunk]
    if not usable:
        raise CommandError(f"No song is as long as an excerpt ({chunk} samples).")
    return usable


class Examples(Dataset[torch.Tensor | Exception]):
    """Batches of targets, the same for the same seed and step, whatever came before.

    An example takes its stems from three songs, or all from one and the same place of a song; level, sides,
    polarity and colour vary, and now and then a stem is missing.

    Args:
        songs: where they come from.
        chunk: samples of an example.
        batch: examples of a batch.
        seed: which choices.
        apart: the chance of each example that its stems are of three songs.
        coloured: the chance of each stem that it sounds through an equaliser of its own (`recoloured`).
    """

    def __init__(
        self,
        songs: list[Song],
        *,
        chunk: int,
        batch: int,
        seed: int,
        apart: float = APART,
        coloured: float = 0.0,
    ) -> None:
        self._songs = songs
        self._chunk = chunk
        self._batch = batch
        self._seed = seed
        self._apart = apart
        self._coloured = coloured

    def batches(self, steps: range, *, readers: int = 0, pinned: bool = False) -> Iterator[torch.Tensor]:
        """Targets of these steps, read ahead: float32 (batch, stems, 2, chunk).

        Args:
            steps: which.
            readers: processes that read and mix them; 0: a thread of this one. They hand batches over in
                shared memory, of which a container may have little.
            pinned: in memory that a GPU copies from without waiting.

        Raises:
            CommandError: a file is no sound any more, or a process that reads ended.
            OSError: it cannot be read.
        """
        if readers:
            # The readers' sockets then lie in this process's temporary folder, which it clears when it ends,
            # not each in one of its own, which a reader that is killed would leave behind.
            util.get_temp_dir()
        loader = DataLoader(
            self,
            batch_size=None,
            sampler=steps,
            num_workers=readers,
            pin_memory=pinned,
            worker_init_fn=leave_interrupts,
        )
        for targets in ahead(loader):
            if isinstance(targets, Exception):
                raise targets
            yield targets

    def __getitem__(self, step: int) -> torch.Tensor | Exception:
        """What `batches` gives for a step, or what went wrong: raised here, a stack would come with it."""
        try:
            return torch.from_numpy(self.batch_of(step))
        except (CommandError, OSError) as error:
            return error

    def batch_of(self, step: int) -> np.ndarray:
        """The targets of one step."""
        rng = np.random.default_rng((self._seed, step))
        return np.stack([self._example(rng) for _ in range(self._batch)])

    def _example(self, rng: np.random.Generator) -> np.ndarray:
        stems = np.stack([self._vary(excerpt, rng) for excerpt in self._excerpts(rng)])
        return stems * np.float32(10 ** (rng.uniform(-8, 8) / 20) * rng.choice((-1, 1)))

    def _excerpts(self, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """One excerpt for each stem: of one place, or each of its own."""
        apart = rng.random() < self._apart
        song, start = self._place(rng)
        for stem in STEMS:
            if apart:
                song, start = self._place(rng)
            with opened(stem_path(song.folder, stem)) as file:
                file.seek(start)
                yield file.read(self._chunk, dtype="float32", always_2d=True).T

    def _place(self, rng: np.random.Generator) -> tuple[Song, int]:
        song = self._songs[rng.integers(len(self._songs))]
        return song, int(rng.integers(song.samples - self._chunk + 1))

    def _vary(self, excerpt: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if self._coloured and rng.random() < self._coloured:
            excerpt = recoloured(excerpt, rng)
        excerpt = excerpt * np.float32(10 ** (rng.uniform(-7, 7) / 20))
        if rng.random() < 0.5:
            excerpt = excerpt[::-1]
        return np.zeros_like(excerpt) if rng.random() < 0.06 else excerpt


def ahead(loader: DataLoader[Any]) -> Iterator[Any]:
    """Read the next batch while one is used.

    Raises:
        CommandError: a process that reads ended.
    """
    with ThreadPoolExecutor(1) as reader:
        # Begun in that thread, the loader tells it of a process that ended; else it would tell the main one,
        # whatever that is at.
        batches = reader.submit(iter, loader).result()
        coming = reader.submit(next, batches, None)
        while (batch := batch_from(coming, loader.num_workers)) is not None:
            coming = reader.submit(next, batches, None)
            yield batch


def batch_from(coming: Future[Any], readers: int) -> Any:
    """What comes, or the sentence for why it does not."""
    try:
        return coming.result()
    except RuntimeError as error:
        if readers == 0:
            raise
        raise CommandError(
            "A process that reads examples ended; perhaps the memory, or the shared memory, was full. "
            "The same command goes on from its last report; fewer --readers need less."
        ) from error


def leave_interrupts(_reader: int) -> None:
    """Let the process that asked for examples be the one that a Ctrl-C ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
