"""Fills, rolls and swells that lead from one section into the next."""

from __future__ import annotations

import numpy as np

from training.compose.drums.kit import TOMS
from training.compose.score import Note

HIT = 0.12


def fill(rng: np.random.Generator, start: float, length: float) -> list[Note]:
    """A fill of `length` quarter notes from `start`: toms, snare, roll, flams or triplets."""
    kinds = [toms, snare_fill, roll, triplets, flams, scattered]
    return kinds[int(rng.integers(len(kinds)))](rng, start, length)


def build_up(rng: np.random.Generator, start: float, length: float) -> list[Note]:
    """Strokes that come closer and louder until the next section: quarters, eighths, sixteenths, faster."""
    key = int(rng.choice([38, 39, 40, 47, 36]))
    notes: list[Note] = []
    at = start
    while at < start + length - 0.05:
        done = (at - start) / length
        rate = (1.0, 0.5, 0.25, 0.125)[min(3, int(done * 4))]
        notes.append(Note(at, HIT, key, 60 + 58 * done))
        at += rate
    return notes


def grid(start: float, length: float, rate: float) -> list[float]:
    """Times from `start` over `length`, a hit every `rate` quarter notes."""
    return [start + i * rate for i in range(max(1, round(length / rate)))]


def toms(rng: np.random.Generator, start: float, length: float) -> list[Note]:
    """Round the toms, high to low."""
    times = grid(start, length, 0.25)
    return [
        Note(at, HIT, TOMS[min(5, i * 6 // len(times))], float(rng.uniform(85, 120)))
        for i, at in enumerate(times)
        if rng.random() < 0.88
    ]


def snare_fill(rng: np.random.Generator, start: float, length: float) -> list[Note]:
    """Sixteenths on the snare, accents at random."""
    return [
        Note(at, HIT, 38, float(rng.choice([55, 95, 118])))
        for at in grid(start, length, 0.25)
        if rng.random() < 0.85
    ]


def roll(rng: np.random.Generator, start: float, length: float) -> list[Note]:
    """A roll that grows: on the snare mostly, on a tom or a cymbal at times."""
    key = int(rng.choice([38, 38, 38, 40, 47, 41, 49]))
    times = grid(start, length, float(rng.choice([0.125, 1 / 6])))
    return [Note(at, HIT, key, 40 + 75 * i / len(times)) for i, at in enumerate(times)]


def triplets(rng: np.random.Generator, start: float, length: float) -> list[Note]:
    """Triplets between snare, toms and kick."""
    keys = rng.choice([38, 45, 48, 36], 3)
    return [
        Note(at, HIT, int(keys[i % 3]), 112.0 if i % 3 == 0 else 86.0)
        for i, at in enumerate(grid(start, length, 1 / 3))
    ]


def flams(rng: np.random.Generator, start: float, length: float) -> list[Note]:
    """Flammed eighths."""
    notes: list[Note] = []
    for at in grid(start, length, 0.5):
        key = int(rng.choice([38, 38, 45, 41]))
        notes += [Note(at - 0.04, HIT, key, 60.0), Note(at, HIT, key, 115.0)]
    return notes


def scattered(rng: np.random.Generator, start: float, length: float) -> list[Note]:
    """Anything on the kit, as an odd fill."""
    keys = [36, 38, 40, 41, 43, 45, 47, 48, 50, 46, 55, 49, 56]
    return [
        Note(at, HIT, int(rng.choice(keys)), float(rng.uniform(70, 122)))
        for at in grid(start, length, 0.25)
        if rng.random() < 0.7
    ]
