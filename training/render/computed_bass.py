"""Basses that no sound font holds: strings, synthesizers and frequency modulation, each song's another.

A network that has heard the basses of a few fonts only knows a bass by their sound, and takes any other for
something else. These are computed as sums of harmonics, whose strengths and decays are drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import mido
import numpy as np

from training.stems import SAMPLE_RATE

# Hz; harmonics above are left out: few basses have any to speak of.
HIGHEST = 9_000
MOST_HARMONICS = 60
# Seconds of silence after a note's end, in which it dies away.
TAIL = 0.25
# Seconds; no bass rings longer, and each takes memory.
LONGEST = 30.0

# Frequency in Hz and the times of a note in seconds, (samples,), to its sound, (samples,).
Voice = Callable[[float, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Note:
    """A note of a part: seconds, semitones (69 is 440 Hz) and MIDI velocity."""

    start: float
    end: float
    key: float
    velocity: int


@dataclass(frozen=True)
class Hand:
    """How an instrument is played: loudness is velocity to the power of `touch`; the others are seconds."""

    touch: float
    attack: float
    release: float


def play_bass(part: mido.MidiFile, rng: np.random.Generator) -> np.ndarray:
    """Play a part with an instrument drawn for it.

    Args:
        part: a file of one stem; of its messages notes, bends by up to two semitones and tempi are heard.
        rng: which instrument.

    Returns:
        float32 (samples, 2) at 44.1 kHz, both sides the same, loudest sample 1; empty without a note.
    """
    notes = list(notes_of(part))
    if not notes:
        return np.zeros((0, 2), np.float32)
    voice = (string, string, synthesizer, modulated)[rng.integers(4)](rng)
    hand = Hand(
        float(rng.uniform(0.5, 2)), float(np.exp(rng.uniform(-7, -4))), float(np.exp(rng.uniform(-4.5, -2.5)))
    )
    length = round((max(note.end for note in notes) + TAIL) * SAMPLE_RATE) + 1
    heard: np.ndarray = np.zeros(length, np.float32)
    for note in notes:
        sound = struck(note, voice, hand)
        first = round(note.start * SAMPLE_RATE)
        heard[first : first + len(sound)] += sound[: len(heard) - first]
    return np.repeat((heard / max(1e-9, float(np.abs(heard).max())))[:, None], 2, axis=1)


def struck(note: Note, voice: Voice, hand: Hand) -> np.ndarray:
    """The sound of one note from its start, (samples,)."""
    seconds = note.end - note.start
    times: np.ndarray = np.arange(round((seconds + TAIL) * SAMPLE_RATE), dtype=np.float32) / SAMPLE_RATE
    sound = voice(440 * 2 ** ((note.key - 69) / 12), times)
    held = np.exp(-np.maximum(0, times - seconds) / hand.release)
    sound = sound * held * (1 - np.exp(-times / hand.attack)) * (note.velocity / 127) ** hand.touch
    fade = min(len(sound), 400)
    sound[len(sound) - fade :] *= np.linspace(1, 0, fade)
    return sound


def notes_of(part: mido.MidiFile) -> Iterator[Note]:
    """The notes in the order they end in; one keeps the bend that it began with."""
    begun: dict[tuple[int, int], list[tuple[float, float, int]]] = {}
    bends: dict[int, float] = {}
    now = 0.0
    for message in part:
        now += message.time
        if message.type == "pitchwheel":
            bends[message.channel] = message.pitch / 4096
        elif message.type == "note_on" and message.velocity > 0:
            key = message.note + bends.get(message.channel, 0.0)
            begun.setdefault((message.channel, message.note), []).append((now, key, message.velocity))
        elif message.type in ("note_on", "note_off") and begun.get((message.channel, message.note)):
            start, key, velocity = begun[message.channel, message.note].pop(0)
            yield Note(start, min(now, start + LONGEST), key, velocity)


def harmonics(frequency: float, stiffness: float = 0.0) -> np.ndarray:
    """Frequencies of the harmonics in Hz, (harmonics, 1), stretched as by a stiff string."""
    count = int(np.clip(HIGHEST / frequency, 1, MOST_HARMONICS))
    numbers: np.ndarray = np.arange(1, count + 1, dtype=np.float32)[:, None]
    return (frequency * numbers * np.sqrt(1 + stiffness * numbers**2)).astype(np.float32)


def string(rng: np.random.Generator) -> Voice:
    """A plucked string, with where it is plucked and heard, its stiffness, and how fast its harmonics die.

    Amplitudes of an ideal plucked string: Fletcher and Rossing, The Physics of Musical Instruments, §2.8.
    """
    plucked, heard = rng.uniform(0.06, 0.45, 2)
    slope, stiffness = rng.uniform(0.6, 2.2), np.exp(rng.uniform(-11, -7))
    decay, damping = np.exp(rng.uniform(-1.5, 1.2)), np.exp(rng.uniform(-1.5, 2))
    box, boxed = np.exp(rng.uniform(np.log(80), np.log(900))), rng.uniform(0, 2)
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
        tone = (strength * fading * np.sin(2 * np.pi * pitches * times + phases[: len(pitches)])).sum(0)
        struck = min(len(noise), len(times))
        hit = noise[:struck] * np.exp(-times[:struck] * 200) * np.sin(2 * np.pi * click * times[:struck])
        tone[:struck] += clicked * np.abs(tone[:2000]).max(initial=0) * hit
        return tone

    return sound


def synthesizer(rng: np.random.Generator) -> Voice:
    """A saw, square or triangle wave, perhaps two out of tune, through a low-pass that opens and closes."""
    shape, detuned = (
        str(rng.choice(["saw", "square", "triangle", "sine"])),
        rng.choice([0, rng.uniform(0, 0.01)]),
    )
    base, opened = np.exp(rng.uniform(np.log(80), np.log(2500))), np.exp(rng.uniform(0, 3))
    closing, poles, peak = np.exp(rng.uniform(-0.5, 3.5)), rng.choice([1, 2, 4]), rng.uniform(0, 2)
    decay, below = max(0, rng.uniform(-2, 3)), rng.choice([0, rng.uniform(0, 0.7)])

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
    decay = max(0, rng.uniform(-1, 3))

    def sound(frequency: float, times: np.ndarray) -> np.ndarray:
        index = depth * (kept + (1 - kept) * np.exp(-times * fading))
        moved = index * np.sin(2 * np.pi * ratio * frequency * times)
        return np.exp(-times * decay) * np.sin(2 * np.pi * frequency * times + moved)

    return sound
