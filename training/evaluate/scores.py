"""Scores of several ways to separate, over a set of songs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.evaluate.separators import Separator
from training.excerpt import middle_of
from training.measure import is_silent, sdr
from training.stems import SAMPLE_RATE, STEMS

# The two ways without a network, which the others are held against.
MIXTURE = "the mixture itself"
SPLIT = "librosa's split"


@dataclass(frozen=True)
class Score:
    """What one way to separate reached for one stem of one song.

    Attributes:
        song: its name.
        separator: which way.
        stem: which stem.
        sdr: dB.
    """

    song: str
    separator: str
    stem: str
    sdr: float


def score_song(song: Path, seconds: float, separators: Mapping[str, Separator]) -> Iterator[Score]:
    """A score for every way and every stem that is heard in the excerpt."""
    targets = middle_of(song, round(seconds * SAMPLE_RATE))
    mixture = targets.sum(0)
    heard = [index for index in range(len(STEMS)) if not is_silent(targets[index], mixture)]
    for name, separate in separators.items():
        estimates = separate(mixture)
        for index in heard:
            yield Score(song.name, name, STEMS[index], sdr(targets[index], estimates[index]))


@dataclass(frozen=True)
class Cell:
    """A way to separate and a stem, over all songs.

    Attributes:
        songs: in how many the stem is heard.
        sdr: median, dB.
        improvement: median of what it gains on the mixture itself, dB.
        ahead: the share of songs in which it does better than the split without a network.
    """

    songs: int
    sdr: float
    improvement: float
    ahead: float


def summarise(scores: list[Score]) -> dict[str, dict[str, Cell]]:
    """By way and stem.

    Args:
        scores: of all songs; `MIXTURE` and `SPLIT` are among the ways.
    """
    found: dict[tuple[str, str], dict[str, float]] = {}
    for score in scores:
        found.setdefault((score.separator, score.stem), {})[score.song] = score.sdr
    table: dict[str, dict[str, Cell]] = {}
    for (separator, stem), reached in found.items():
        base, other = found[MIXTURE, stem], found[SPLIT, stem]
        gained = [value - base[song] for song, value in reached.items()]
        ahead = [value > other[song] for song, value in reached.items()]
        table.setdefault(separator, {})[stem] = Cell(
            len(reached),
            round(float(np.median(list(reached.values()))), 2),
            round(float(np.median(gained)), 2),
            round(float(np.mean(ahead)), 3),
        )
    return table


def cell_text(cell: Cell | None, separator: str) -> str:
    """Median SDR and improvement; of a network also the share of songs ahead of the split without one."""
    if cell is None:
        return "not heard"
    ahead = "" if separator in (MIXTURE, SPLIT) else f"; {cell.ahead:.0%}"
    return f"{cell.sdr:.1f} ({cell.improvement:+.1f}{ahead})"
