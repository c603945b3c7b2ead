"""Players of broken chords: arpeggios, alberti figures, sequencer lines, montunos."""

from __future__ import annotations

import numpy as np

from training.compose.harmony import Chord, at_or_above, nearest, voicing
from training.compose.rhythm import hits, made_up
from training.compose.score import Note, Take


def ladder(chord: Chord, low: int, high: int) -> list[int]:
    """Every key of the chord in the range, lowest first."""
    return [key for key in range(low, high + 1) if key % 12 in chord.classes] or [low]


def orders(rng: np.random.Generator, size: int) -> list[int]:
    """An order to run through `size` chord tones in."""
    up = list(range(size))
    shapes = [up, up[::-1], up + up[-2:0:-1], up[::2] + up[1::2], [int(i) for i in rng.permutation(size)]]
    return shapes[int(rng.integers(len(shapes)))] or [0]


def arpeggio(take: Take) -> list[Note]:
    """Chord tones one after another, at an even rate, up, down, both or mixed."""
    rate = float(take.rng.choice([0.25, 0.25, 0.5, 0.5, 1 / 3, 1 / 6 if take.section.energy > 0.8 else 0.5]))
    order = orders(take.rng, int(take.rng.integers(3, 9)))
    length = rate * float(take.rng.choice([0.5, 0.9, 0.98, 2.5]))
    offset = int(take.rng.integers(0, 5))
    notes: list[Note] = []
    for i in range(round((take.section.end - take.section.start) / rate)):
        at = take.section.start + i * rate
        keys = ladder(take.section.chord_at(at + 1e-4), take.low, take.high)
        accent = 104.0 if i % len(order) == 0 else 84.0
        notes.append(Note(at, length, keys[min(len(keys) - 1, offset + order[i % len(order)])], accent))
    return notes


def alberti(take: Take) -> list[Note]:
    """Low, high, middle, high: the accompaniment of classical keyboards."""
    rate = float(take.rng.choice([0.25, 0.5]))
    shape = take.pick([(0, 2, 1, 2), (0, 1, 2, 1), (0, 2, 1, 2, 1, 2)])
    notes: list[Note] = []
    previous: list[int] = []
    for i in range(round((take.section.end - take.section.start) / rate)):
        at = take.section.start + i * rate
        previous = voicing(take.section.chord_at(at + 1e-4), take.low, take.high, 3, previous, False)
        key = previous[min(len(previous) - 1, shape[i % len(shape)])]
        notes.append(Note(at, rate * 0.95, key, 96.0 if i % len(shape) == 0 else 76.0))
    return notes


def broken(take: Take) -> list[Note]:
    """A wide broken chord, its root held below: ballads, harps, guitars."""
    rate = float(take.rng.choice([0.5, 0.5, 0.25]))
    shape = take.pick([(0, 2, 3, 4), (0, 2, 4, 3), (0, 2, 3, 4, 5, 4, 3, 2), (0, 1, 2, 3, 4, 3, 2, 1)])
    notes: list[Note] = []
    for span in take.section.spans:
        root = at_or_above(span.chord.root, take.low)
        keys = ladder(span.chord, root, max(take.high, root + 19))
        for i in range(max(1, round(span.length / rate))):
            at = span.start + i * rate
            key = keys[min(len(keys) - 1, shape[i % len(shape)])]
            held = span.end - at if take.feel == "legato" or i == 0 else rate * 1.5
            notes.append(Note(at, min(held, span.end - at), key, 92.0 if i % len(shape) == 0 else 78.0))
    return notes


def sequence(take: Take) -> list[Note]:
    """A one-bar sequence of sixteenths over the chord, repeated as a machine repeats it."""
    steps = made_up(take.rng, take.meter, float(take.rng.uniform(0.4, 1.0)), 0.3)
    places = [int(i) for i in take.rng.choice([0, 0, 1, 2, 3, 4, 5], len(steps))]
    gate = float(take.rng.choice([0.1, 0.18, 0.24]))
    notes: list[Note] = []
    for bar in take.section.bar_starts():
        for step, place in zip(steps, places, strict=True):
            keys = ladder(take.section.chord_at(bar + step / 4), take.low, take.high)
            velocity = 108.0 if step % 4 == 0 else 88.0
            notes.append(Note(bar + step / 4, gate, keys[min(place, len(keys) - 1)], velocity))
    return notes


def montuno(take: Take) -> list[Note]:
    """The syncopated octaves of a Latin piano."""
    pattern = hits(
        str(take.pick(("x.xx.xx.xx.xx.xx", "xx.xx.x.xx.xx.xx", "x.x.xx.x.xx.xx.x"))), take.meter.steps
    )
    shape = [int(i) for i in take.rng.choice([0, 1, 2, 1], len(pattern))]
    notes: list[Note] = []
    for bar in take.section.bar_starts():
        for (step, velocity), place in zip(pattern, shape, strict=True):
            chord = take.section.chord_at(bar + (step + 1) / 4 if step + 1 < take.meter.steps else bar)
            middle = (take.low + take.high) / 2 - 6
            key = nearest((chord.classes[place % len(chord.classes)],), middle, take.low, take.high)
            notes.append(Note(bar + step / 4, 0.22, key, velocity * 0.95))
            notes.append(Note(bar + step / 4, 0.22, key + 12, velocity))
    return notes
