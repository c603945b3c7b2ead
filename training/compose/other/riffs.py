"""Players of riffs: power chords, repeated figures, and sections that play a line in block chords."""

from __future__ import annotations

from training.compose.harmony import at_or_above, nearest
from training.compose.other.lines import melody
from training.compose.rhythm import hits, made_up, with_lengths
from training.compose.score import Note, Take

CHUGS = (
    "x.x.x.x.x.x.x.x.",
    "xoooxoooxoooxooo",
    "x..x..x.x..x..x.",
    "x.ooxoo.x.ooxoo.",
    "x...........x.x.",
    "xoxxoxoxxoxxoxox",
    "x...............",
    "x.......x.......",
)


def power(take: Take) -> list[Note]:
    """Root, fifth and octave low on a driven guitar; the soft strokes are muted by the palm."""
    pattern = hits(str(take.pick(CHUGS)), take.meter.steps)
    voices = take.pick([(0, 7), (0, 7, 12), (0, 7, 12), (0, 12), (0,)])
    pedal = take.chance(0.25)
    tonic = take.section.spans[0].chord.root
    notes: list[Note] = []
    for bar in take.section.bar_starts():
        for i, (step, velocity) in enumerate(pattern):
            ahead = pattern[i + 1][0] if i + 1 < len(pattern) else take.meter.steps
            muted = velocity < 90
            chord = take.section.chord_at(bar + step / 4)
            root = at_or_above(tonic if muted and pedal else chord.root, take.low)
            length = 0.14 if muted else (ahead - step) / 4 * 0.95
            tones = voices[:2] if muted else voices
            fifth = chord.fifth
            for tone in tones:
                notes.append(Note(bar + step / 4, length, root + (fifth if tone == 7 else tone), velocity))
    return notes


def riff(take: Take) -> list[Note]:
    """One figure of a bar or two on the chord's root and scale, repeated through the section."""
    bars = int(take.rng.choice([1, 1, 2]))
    figures = []
    for _ in range(bars):
        steps = made_up(take.rng, take.meter, float(take.rng.uniform(0.25, 0.7)), 0.35)
        moves = take.rng.choice([0, 0, 0, 3, 5, 7, 10, 12, -2, -5], len(steps))
        figures.append(list(zip(with_lengths(steps, take.meter.steps), moves, strict=True)))
    fixed = take.chance(0.3)
    double = int(take.rng.choice([0, 0, 0, 12, 7]))
    held = float(take.rng.choice([0.4, 0.7, 0.95]))
    first = take.section.spans[0].chord
    notes: list[Note] = []
    for number, bar in enumerate(take.section.bar_starts()):
        for (at, length), move in figures[number % bars]:
            chord = first if fixed else take.section.chord_at(bar + at)
            root = at_or_above(chord.root, take.low + 3)
            key = nearest(chord.scale, root + int(move), take.low, take.high)
            notes.append(Note(bar + at, length * held, key, 102.0))
            if double:
                notes.append(Note(bar + at, length * held, key + double, 92.0))
    return notes


def section(take: Take) -> list[Note]:
    """A section's soli: a line harmonised in close chords below it, as brass and saxophones play it."""
    voices = int(take.rng.choice([2, 3, 3, 4]))
    notes: list[Note] = []
    for lead in melody(take):
        notes.append(lead)
        chord = take.section.chord_at(lead.start)
        below = [k for k in range(lead.key - 3, take.low - 8, -1) if k % 12 in chord.classes][: voices - 1]
        notes.extend(Note(lead.start, lead.length, key, lead.velocity * 0.92) for key in below)
    return notes
