"""Players of the low register: left hands of pianists, tubas, cellos, low brass and organ pedals."""

from __future__ import annotations

from training.compose.harmony import at_or_above, nearest, voicing
from training.compose.rhythm import made_up, with_lengths
from training.compose.score import Note, Take

# Boogie ostinatos, as semitones above the root for each eighth of a bar.
BOOGIES = (
    (0, 4, 7, 9, 10, 9, 7, 4),
    (0, 12, 4, 16, 7, 19, 9, 21),
    (0, 0, 4, 4, 7, 7, 9, 9),
    (0, 7, 9, 7, 0, 7, 10, 7),
    (0, 3, 4, 7, 9, 7, 4, 3),
)


def pulses(take: Take) -> list[tuple[float, int, float]]:
    """(Start, number within its bar, length) of every pulse; in 2 at times where a bar has four quarters."""
    starts = take.meter.pulses
    ends = [*starts[1:], take.meter.beats]
    return [
        (bar + start, number, end - start)
        for bar in take.section.bar_starts()
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


def stride(take: Take) -> list[Note]:
    """A low root, fifth or tenth, then a chord an octave or two above it: ragtime's left hand."""
    double, half = take.chance(0.45), take.chance(0.35) and len(take.meter.pulses) == 4
    notes: list[Note] = []
    previous: list[int] = []
    for start, number, length in pulses(take):
        unit = length / 2 if half else length
        for i in range(2 if half else 1):
            at = start + i * unit
            chord = take.section.chord_at(at)
            low_turn = i == 0 if half else number == 0 or (number == 2 and len(take.meter.pulses) == 4)
            if low_turn:
                root = at_or_above(chord.root, take.low)
                key = (
                    root
                    if number == 0 or take.chance(0.4)
                    else nearest(
                        ((chord.root + chord.fifth) % 12,), root - 4, max(20, take.low - 5), take.high
                    )
                )
                notes.append(Note(at, unit * 0.85, key, 100.0))
                if double:
                    notes.append(Note(at, unit * 0.85, key + 12, 88.0))
            else:
                previous = voicing(chord, take.low + 14, take.low + 31, 3, previous, False)
                notes.extend(Note(at, unit * 0.5, key, 80.0) for key in previous)
    return notes


def boogie(take: Take) -> list[Note]:
    """An ostinato of eighths on each chord, or fifth and sixth in turn above the root."""
    shape = take.pick(BOOGIES)
    rocking = take.chance(0.35)
    notes: list[Note] = []
    for i in range(round((take.section.end - take.section.start) * 2)):
        at = take.section.start + i / 2
        chord = take.section.chord_at(at)
        root = at_or_above(chord.root, take.low)
        accent = 104.0 if i % 2 == 0 else 86.0
        if rocking:
            upper = (7, 7, 9, 9, 10, 10, 9, 9)[i % 8] if 4 in chord.tones else (7, 7, 8, 8)[i % 4]
            notes.extend(Note(at, 0.42, root + step, accent) for step in (0, upper))
            continue
        step = shape[i % 8]
        step = step - 1 if step in (4, 16) and 3 in chord.tones else step
        notes.append(Note(at, 0.45, root + step, accent))
    return notes


def octaves(take: Take) -> list[Note]:
    """Roots and fifths in octaves, struck together or rocking up and down."""
    rocking = take.chance(0.5)
    unit = float(take.rng.choice([0.5, 0.5, 1.0, 0.25 if take.section.energy > 0.8 else 0.5]))
    notes: list[Note] = []
    for i in range(round((take.section.end - take.section.start) / unit)):
        at = take.section.start + i * unit
        chord = take.section.chord_at(at + 1e-4)
        key = at_or_above(chord.root, take.low)
        if take.chance(0.12):
            key = at_or_above((chord.root + chord.fifth) % 12, take.low)
        together = (key + 12 * (i % 2),) if rocking else (key, key + 12)
        notes.extend(Note(at, unit * 0.85, k, 98.0 if i % 2 == 0 else 84.0) for k in together)
    return notes


def oompah(take: Take) -> list[Note]:
    """Root and fifth on the strong pulses, as tubas and trombones march."""
    every = len(take.meter.pulses) == 4 and take.chance(0.3)
    notes: list[Note] = []
    for start, number, length in pulses(take):
        chord = take.section.chord_at(start)
        root = at_or_above(chord.root, take.low)
        below = nearest(((chord.root + chord.fifth) % 12,), root - 5, max(22, take.low - 5), take.high)
        if number == 0:
            notes.append(Note(start, length * 0.8, root, 104.0))
        elif number == 2 and len(take.meter.pulses) == 4:
            notes.append(Note(start, length * 0.8, below, 96.0))
        elif every or take.chance(0.1):
            passing = nearest(chord.scale, (root + below) / 2, max(22, take.low - 5), take.high)
            notes.append(Note(start, length * 0.7, passing, 86.0))
    return notes


def low_line(take: Take) -> list[Note]:
    """A low melodic line on chord tones and the steps between: cellos, bassoons, contrabasses, low synths."""
    density = float(take.rng.choice([0.07, 0.13, 0.25, 0.25, 0.5]))
    steps = made_up(take.rng, take.meter, density, float(take.rng.choice([0, 0, 0.3])))
    held = float(take.rng.choice([0.45, 0.9, 0.98]))
    key = float(take.low + 5)
    notes: list[Note] = []
    for bar in take.section.bar_starts():
        for at, length in with_lengths(steps, take.meter.steps):
            chord = take.section.chord_at(bar + at)
            if at == 0:
                key = at_or_above(chord.root, take.low)
            else:
                aim = key + float(take.rng.choice([-3, -2, 0, 2, 3, 5, 7]))
                allowed = chord.classes if take.chance(0.6) else chord.scale
                key = nearest(allowed, aim, take.low, min(take.high, take.low + 17))
            notes.append(Note(bar + at, length * held, int(key), 96.0))
    return notes


def low_chords(take: Take) -> list[Note]:
    """Close or open chords low down, with the root at the bottom, sustained or pulsed."""
    unit = float(take.rng.choice([0.5, 1.0, 2.0, 4.0, 4.0]))
    stack = take.pick([(0, 1), (0, 1, 2), (0, 2), (0, 2, 4)])
    notes: list[Note] = []
    for span in take.section.spans:
        root = at_or_above(span.chord.root, take.low)
        keys = [k for k in range(root, root + 29) if k % 12 in span.chord.classes]
        at = span.start
        while at < span.end - 1e-6:
            length = min(unit, span.end - at)
            notes.extend(Note(at, length * 0.93, keys[min(i, len(keys) - 1)], 88.0) for i in stack)
            at += unit
    return notes
