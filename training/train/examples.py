"""What the network learns from: excerpts of stems, mixed anew at every step."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

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


class Examples:
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

    def batches(self, first: int) -> Iterator[np.ndarray]:
        """Targets of step `first`, `first` + 1, …: float32 (batch, stems, 2, chunk)."""
        with ThreadPoolExecutor(1) as reader:
            coming = reader.submit(self.batch_of, first)
            while True:
                first += 1
                batch, coming = coming.result(), reader.submit(self.batch_of, first)
                yield batch

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
