"""Rhythms: patterns written as strings of sixteenths, and made-up ones that respect the metre."""

from __future__ import annotations

import numpy as np

from training.compose.score import Meter

# How loud each letter of a pattern is; any other letter is a rest.
LEVELS = {"X": 120.0, "x": 100.0, "o": 78.0, "g": 42.0}


def hits(pattern: str, steps: int) -> list[tuple[int, float]]:
    """(Sixteenth, velocity) of each hit of `pattern`, cut or repeated to a bar of `steps`."""
    pattern = (pattern * (steps // len(pattern) + 1))[:steps]
    return [(i, LEVELS[letter]) for i, letter in enumerate(pattern) if letter in LEVELS]


def strengths(meter: Meter) -> np.ndarray:
    """The metrical weight of every sixteenth of a bar: downbeat 1, pulses 0.7, eighths 0.4, the rest 0.15."""
    weights = np.full(meter.steps, 0.15)
    weights[::2] = 0.4
    weights[[round(pulse * 4) for pulse in meter.pulses]] = 0.7
    weights[0] = 1.0
    return weights


def made_up(rng: np.random.Generator, meter: Meter, density: float, syncopation: float) -> list[int]:
    """Sixteenths of a bar to play on: `density` of them, off the beat with `syncopation` (both 0 to 1)."""
    weights = strengths(meter)
    weights = weights * (1 - syncopation) + (1.0 - weights * 0.6) * syncopation
    count = max(1, min(meter.steps, round(meter.steps * density)))
    chosen = rng.choice(meter.steps, count, replace=False, p=weights / weights.sum())
    return sorted(int(step) for step in chosen)


def with_lengths(steps: list[int], bar_steps: int) -> list[tuple[float, float]]:
    """(Start, length) in quarter notes of each step, every one held until the next."""
    ends = [*steps[1:], bar_steps]
    return [(step / 4, (end - step) / 4) for step, end in zip(steps, ends, strict=True)]
