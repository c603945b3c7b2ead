"""The colour of a stem: which of its frequencies are loud."""

from __future__ import annotations

import numpy as np
from scipy import fft

from training.stems import SAMPLE_RATE

# Hz; the curve bends between these.
LOWEST, HIGHEST = 30.0, 16_000.0
# Bends an octave. More would let notes of one instrument differ in loudness, fewer leave its harmonics alone.
BENDS = 1.5
# dB; how far one bend lies from a straight line, and how steep that is for an octave, at most.
ROUGHEST, STEEPEST = 6.0, 2.5
# dB; how far the curve goes up or down.
FURTHEST = 18.0


def recoloured(excerpt: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The excerpt through an equaliser drawn by chance, as loud as before.

    A sound font has few instruments of a kind, and a network soon knows each of them by the balance of its
    harmonics. With another balance at every step it has to learn what they have in common. The phases stay:
    what is mixed from such stems still fits together in time.

    Args:
        excerpt: float32 (channels, samples) at 44.1 kHz; both channels get the same curve.
        rng: which curve.

    Returns:
        float32 of the same shape.
    """
    samples = excerpt.shape[-1]
    spectrum = fft.rfft(excerpt, axis=-1)
    hertz = np.clip(fft.rfftfreq(samples, 1 / SAMPLE_RATE), LOWEST, HIGHEST)
    octaves = np.log2(hertz / LOWEST)
    bends, decibels = curve(rng)
    gains = (10 ** (np.interp(octaves, bends, decibels) / 20)).astype(np.float32)
    heard = fft.irfft(spectrum * gains, samples, axis=-1)
    power, kept = (float(np.sum(np.square(sound, dtype=np.float64))) for sound in (excerpt, heard))
    return (heard * np.float32(np.sqrt(power / kept)) if kept > 0 else heard).astype(np.float32)


def curve(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Where the curve bends, in octaves above `LOWEST`, and its height there in dB."""
    span = float(np.log2(HIGHEST / LOWEST))
    bends = np.linspace(0, span, round(span * BENDS) + 1)
    sloping = rng.uniform(-STEEPEST, STEEPEST) * (bends - span / 2)
    rough = rng.uniform(0, ROUGHEST) * rng.standard_normal(len(bends))
    return bends, np.clip(sloping + rough, -FURTHEST, FURTHEST)
