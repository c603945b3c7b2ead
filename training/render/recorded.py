"""A voice that plays recordings of an instrument."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import soxr

from training.command import CommandError
from training.render.notes import LONGEST
from training.render.recordings import Instrument
from training.render.voices import Voice
from training.sound import opened
from training.stems import SAMPLE_RATE

# Semitones; how much larger or smaller its body may be.
RESIZED = 5.0
# Of the loudest sample; what is softer before the note is silence.
FAINT = 0.02
# Recordings held in memory at once, each up to `LONGEST`.
HELD = 32


def recorded(instrument: Instrument, rng: np.random.Generator) -> Voice:
    """A voice that plays the nearest recording faster or slower, until it ends.

    Args:
        instrument: whose recordings.
        rng: how much larger or smaller its body is than it was: as far away lies the recording that is taken.
    """
    body = rng.uniform(-RESIZED, RESIZED)

    def sound(frequency: float, times: np.ndarray) -> np.ndarray:
        wanted = 69 + 12 * np.log2(frequency / 440) + body
        key, path = min(instrument.notes, key=lambda note: abs(note[0] - wanted))
        samples, rate = note_in(path)
        speed = frequency / (440 * 2 ** ((key - 69) / 12)) * rate / SAMPLE_RATE
        # With what comes after the end, so that the end does not depend on where it is cut.
        needed = samples[: round((len(times) + SAMPLE_RATE // 10) * speed)]
        heard = soxr.resample(needed, speed, 1.0, quality="HQ")[: len(times)]
        return np.pad(heard, (0, len(times) - len(heard)))

    return sound


@lru_cache(HELD)
def note_in(path: Path) -> tuple[np.ndarray, int]:
    """A recording from where it can be heard, both sides as one, (samples,), and its samples a second.

    Raises:
        CommandError: it is no sound, or its samples are no numbers.
        OSError: it cannot be read.
    """
    with opened(path) as file:
        rate = file.samplerate
        samples = file.read(round(LONGEST * rate), dtype="float32", always_2d=True).mean(1)
    if not np.isfinite(samples).all():
        raise CommandError(f"{path} holds samples that are no numbers.")
    loud = np.abs(samples) > FAINT * np.abs(samples).max(initial=0)
    return samples[int(loud.argmax()) if len(loud) else 0 :], rate
