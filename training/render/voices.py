"""Instruments, computed: a plucked string, a synthesizer, frequency modulation.

Each function draws an instrument and gives back how it sounds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from training.stems import SAMPLE_RATE

# Hz; harmonics above are left out: low notes have few to speak of.
HIGHEST = 9_000
MOST_HARMONICS = 60

# Frequency in Hz and the times of a note in seconds, (samples,), to its sound, (samples,). No sample depends
# on how long the times go on, so that a shorter note of the same frequency is the beginning of a longer one.
Voice = Callable[[float, np.ndarray], np.ndarray]


def harmonics(frequency: float, stiffness: float = 0.0) -> np.ndarray:
    """Frequencies of the harmonics in Hz, (harmonics, 1), stretched as by a stiff string."""
    count = int(np.clip(HIGHEST / frequency, 1, MOST_HARMONICS))
    numbers: np.ndarray = np.arange(1, count + 1, dtype=np.float32)[:, None]
    return (frequency * numbers * np.sqrt(1 + stiffness * numbers**2)).astype(np.float32)


def string(rng: np.random.Generator) -> Voice:
    """A plucked string, with where it is plucked and heard, its stiffness, and how fast its harmonics die.

    It begins louder than it goes on, and its body knocks, as that of a double bass does.

    Amplitudes of an ideal plucked string: Fletcher and Rossing, The Physics of Musical Instruments, §2.8.
    """
    plucked, heard = rng.uniform(0.06, 0.45, 2)
    slope, stiffness = rng.uniform(0.3, 2.1), np.exp(rng.uniform(-11, -7))
    decay, damping = np.exp(rng.uniform(-1.5, 2)), np.exp(rng.uniform(-1.5, 2))
    bloom, wilting = max(0, rng.uniform(-1, 3)), np.exp(rng.uniform(1.5, 3.5))
    box, boxed = np.exp(rng.uniform(np.log(80), np.log(900))), rng.uniform(0, 2)
    knock, knocked = np.exp(rng.uniform(np.log(35), np.log(250))), max(0, rng.uniform(-0.7, 0.5))
    muffled = np.exp(rng.uniform(2.7, 4.3))
    click, clicked = np.exp(rng.uniform(np.log(700), np.log(5000))), max(0, rng.uniform(-0.3, 0.5))
    phases = rng.uniform(0, 2 * np.pi, (MOST_HARMONICS, 1)).astype(np.float32)
    noise = rng.standard_normal(SAMPLE_RATE // 20).astype(np.float32)

    def sound(frequency: float, times: np.ndarray) -> np.ndarray:
        pitches = harmonics(frequency, float(stiffness))
        numbers = np.arange(1, len(pitches) + 1)[:, None]
        strength = (
            np.abs(np.sin(np.pi * numbers * plucked) * np.sin(np.pi * numbers * heard)) / numbers**slope
        )
        strength = strength * (1 + boxed / (1 + ((pitches - box) / (0.4 * box)) ** 2))
        fading = np.exp(-times * decay * (1 + damping * pitches / 1000))
        fading = fading * (1 + bloom * np.exp(-times * wilting))
        tone = (strength * fading * np.sin(2 * np.pi * pitches * times + phases[: len(pitches)])).sum(0)
        struck = min(len(noise), len(times))
        hit = noise[:struck] * np.exp(-times[:struck] * 200) * np.sin(2 * np.pi * click * times[:struck])
        loudest = np.abs(tone[:2000]).max(initial=0)
        tone[:struck] += clicked * loudest * hit
        return tone + knocked * loudest * np.exp(-times * muffled) * np.sin(2 * np.pi * knock * times)

    return sound


def synthesizer(rng: np.random.Generator) -> Voice:
    """A saw, square or triangle wave, perhaps two out of tune, through a low-pass that opens and closes."""
    shape, detuned = (
        str(rng.choice(["saw", "square", "triangle", "sine"])),
        rng.choice([0, rng.uniform(0, 0.01)]),
    )
    base, opened = np.exp(rng.uniform(np.log(80), np.log(2500))), np.exp(rng.uniform(0, 3))
    closing, poles, peak = np.exp(rng.uniform(-0.5, 3.5)), rng.choice([1, 2, 4]), rng.uniform(0, 2)
    decay, below = max(0, rng.uniform(-4, 8)), rng.choice([0, rng.uniform(0, 0.7)])

    def sound(frequency: float, times: np.ndarray) -> np.ndarray:
        cutoff = base * (1 + (opened - 1) * np.exp(-times * closing))
        tone = np.zeros_like(times)
        for tuned in {1.0, 1.0 + float(detuned)}:
            pitches = harmonics(frequency * tuned)
            numbers = np.arange(1, len(pitches) + 1)[:, None]
            odd: np.ndarray = numbers % 2
            strength = {
                "saw": 1 / numbers,
                "square": odd / numbers,
                "triangle": odd / numbers**2,
                "sine": (numbers == 1) * 1.0,
            }[shape]
            passed = 1 / (1 + (pitches / cutoff) ** (2 * poles)) ** 0.5
            lifted = 1 + peak / (1 + ((pitches - cutoff) / (0.2 * cutoff)) ** 2)
            tone = tone + (strength * passed * lifted * np.sin(2 * np.pi * pitches * times)).sum(0)
        tone = tone + below * np.sin(np.pi * frequency * times)
        return tone * np.exp(-times * decay)

    return sound


def modulated(rng: np.random.Generator) -> Voice:
    """A sine whose frequency another sine moves.

    Chowning, "The Synthesis of Complex Audio Spectra by Means of Frequency Modulation" (JAES 1973).
    """
    ratio = float(rng.choice([0.5, 1, 1, 2, 3, 4, 5]))
    depth, kept, fading = rng.uniform(0.5, 6), rng.uniform(0, 1), np.exp(rng.uniform(0, 3.5))
    decay = max(0, rng.uniform(-3, 8))

    def sound(frequency: float, times: np.ndarray) -> np.ndarray:
        index = depth * (kept + (1 - kept) * np.exp(-times * fading))
        moved = index * np.sin(2 * np.pi * ratio * frequency * times)
        return np.exp(-times * decay) * np.sin(2 * np.pi * frequency * times + moved)

    return sound
