"""A part played by an instrument that no sound font holds, each song's another.

A network that has heard the instruments of a few fonts only knows them by their sound, and takes any other
for something else.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

import mido
import numpy as np

from training.render.notes import Note, notes_of
from training.render.recorded import recorded
from training.render.recordings import Instrument
from training.render.voices import Voice, modulated, string, synthesizer
from training.stems import SAMPLE_RATE

# Seconds of silence after a note's end, in which it dies away.
TAIL = 0.25
# How many instruments are recorded, where one reaches the part's notes; the others are computed.
RECORDED = 0.4


@dataclass(frozen=True)
class Hand:
    """How an instrument is played: loudness is velocity to the power of `touch`; the others are seconds."""

    touch: float
    attack: float
    release: float


def play_strange(
    part: mido.MidiFile, rng: np.random.Generator, instruments: tuple[Instrument, ...] = ()
) -> np.ndarray:
    """Play a part with an instrument drawn for it.

    Args:
        part: a file of one stem; of its messages notes, bends by up to two semitones and tempi are heard.
        rng: which instrument.
        instruments: the recorded ones to choose from.

    Returns:
        float32 (samples, 2) at 44.1 kHz, both sides the same, loudest sample 1; empty without a note.

    Raises:
        CommandError: a recording is no sound, or its samples are no numbers.
        OSError: a recording cannot be read.
    """
    notes = list(notes_of(part))
    if not notes:
        return np.zeros((0, 2), np.float32)
    voice = drawn(notes, rng, instruments)
    hand = Hand(
        float(rng.uniform(0.5, 2)), float(np.exp(rng.uniform(-7, -4))), float(np.exp(rng.uniform(-4.5, -2.5)))
    )
    length = round((max(note.end for note in notes) + TAIL) * SAMPLE_RATE) + 1
    heard: np.ndarray = np.zeros(length, np.float32)
    # A key's notes are the beginning of its longest one; no more than one key's sound is held at once.
    for key, same in groupby(sorted(notes, key=attrgetter("key")), key=attrgetter("key")):
        of_key = list(same)
        longest = max(note.end - note.start for note in of_key)
        sounding = voice(440 * 2 ** ((key - 69) / 12), times_of(longest))
        for note in of_key:
            sound = struck(note, sounding, hand)
            first = round(note.start * SAMPLE_RATE)
            heard[first : first + len(sound)] += sound[: len(heard) - first]
    return np.repeat((heard / max(1e-9, float(np.abs(heard).max())))[:, None], 2, axis=1)


def drawn(notes: list[Note], rng: np.random.Generator, instruments: tuple[Instrument, ...]) -> Voice:
    """An instrument for these notes."""
    middle = sorted(note.key for note in notes)[len(notes) // 2]
    reaching = [instrument for instrument in instruments if instrument.reaches(middle)]
    if reaching and rng.random() < RECORDED:
        return recorded(reaching[rng.integers(len(reaching))], rng)
    return (string, string, synthesizer, modulated)[rng.integers(4)](rng)


def times_of(seconds: float) -> np.ndarray:
    """The times of a note and of what follows its end, in seconds from its start, (samples,)."""
    return np.arange(round((seconds + TAIL) * SAMPLE_RATE), dtype=np.float32) / SAMPLE_RATE


def struck(note: Note, sounding: np.ndarray, hand: Hand) -> np.ndarray:
    """The sound of one note from its start, (samples,); `sounding` is its key's, at least as long."""
    seconds = note.end - note.start
    times = times_of(seconds)
    held = np.exp(-np.maximum(0, times - seconds) / hand.release)
    sound = sounding[: len(times)] * held * (1 - np.exp(-times / hand.attack))
    sound = sound * (note.velocity / 127) ** hand.touch
    fade = min(len(sound), 400)
    sound[len(sound) - fade :] *= np.linspace(1, 0, fade)
    return sound
