"""Notes that die away sooner than their font lets them: a muted string, a shorter pluck."""

from __future__ import annotations

from itertools import pairwise

import mido
import numpy as np

from training.render.notes import notes_of
from training.stems import SAMPLE_RATE

# Seconds in which the sound comes back for the next note.
RISE = 0.006
# 1/s; how fast it fades at least and at most.
SLOWEST, FASTEST = 1.0, 16.0


def faded(samples: np.ndarray, part: mido.MidiFile, rng: np.random.Generator) -> np.ndarray:
    """Let what was played of a part fade from the start of each note to that of the next.

    A line of single notes is what this is for: a note that is held below another one comes back with it.

    Args:
        samples: float32 (samples, 2), as `part` sounds at its tempo.
        part: whose notes they are.
        rng: how fast, and to which share of its loudness a note fades.
    """
    pace = float(np.exp(rng.uniform(np.log(SLOWEST), np.log(FASTEST))))
    kept = float(rng.choice([0.0, rng.uniform(0.1, 0.6)]))
    begun = {round(max(0.0, note.start - RISE) * SAMPLE_RATE) for note in notes_of(part)}
    starts = sorted(start for start in begun if start < len(samples))
    gain: np.ndarray = np.ones(len(samples), np.float32)
    for start, end in pairwise([*starts, len(samples)]):
        times = np.arange(end - start, dtype=np.float32) / SAMPLE_RATE
        gain[start:end] = kept + (1 - kept) * np.exp(-pace * np.maximum(0, times - RISE))
        before = gain[start - 1] if start else 1.0
        rise = gain[start : start + round(RISE * SAMPLE_RATE)]
        rise[:] = np.linspace(before, 1, len(rise), dtype=np.float32)
    return samples * gain[:, None]
