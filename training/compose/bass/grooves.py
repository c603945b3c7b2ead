"""Bass lines that keep a pattern: eighths, octaves, pedals, slap, sequences."""

from __future__ import annotations

from itertools import pairwise

from training.compose.harmony import Chord, at_or_above, nearest
from training.compose.rhythm import hits, made_up, with_lengths
from training.compose.score import Note, Take

PATTERNS = (
    "x.....x.x.......", "x..x..x.........", "x.....x...x.....", "x..x....x..x....", "x.x...x.x.x...x.",
    "x..x..x.x..x..x.", "x.......x.x.....", "x..x.x..x..x.x..", "x...x..xx...x...", "x.xx..x.x.xx..x.",
    "x.........x.x...", "x...x...x...x...", "x.............x.", "x..xx..xx..xx..x",
)  # fmt: skip
SLAPS = ("x..x.gX.x.gx.X.g", "xg.Xg.x.g.X.xg.X", "x...X..gx.x.X...", "x.gxX.g.xg.xX.xg", "x..X..x...X.g.x.")


def root(take: Take, chord: Chord) -> int:
    """The chord's root in the take's low octave."""
    return at_or_above(chord.root, take.low)


def fill_in(take: Take, pattern: list[tuple[int, float]], held: float, colour: float) -> list[Note]:
    """Roots on a bar's pattern, other tones with probability `colour`, each held `held` of its time."""
    shape = [take.chance(colour) for _ in pattern]
    intervals = [int(take.rng.choice([12, 12, 7, 7, -5, 10, 3, 5])) for _ in pattern]
    notes: list[Note] = []
    for bar in take.section.bar_starts():
        for i, (step, velocity) in enumerate(pattern):
            ahead = pattern[i + 1][0] if i + 1 < len(pattern) else take.meter.steps
            chord = take.section.chord_at(bar + step / 4)
            key = root(take, chord)
            if shape[i] and step:
                key = nearest(chord.scale, key + intervals[i], max(24, take.low - 5), take.high)
            length = 0.1 if velocity < 50 else (ahead - step) / 4 * held
            notes.append(Note(bar + step / 4, length, key, velocity))
    return approached(take, notes)


def approached(take: Take, notes: list[Note]) -> list[Note]:
    """The line with the last note before some changes of chord moved next to the coming root."""
    if not take.chance(0.45):
        return notes
    for note, after in pairwise(notes):
        changes = take.section.chord_at(note.start) != take.section.chord_at(after.start)
        if changes and take.chance(0.6):
            note.key = after.key + int(take.rng.choice([-1, -2, 1, 2]))
    return notes


def eighths(take: Take) -> list[Note]:
    """Driving eighths."""
    return fill_in(take, hits("x.o.", take.meter.steps), float(take.rng.choice([0.5, 0.8, 0.97])), 0.1)


def sixteenths(take: Take) -> list[Note]:
    """Galloping or rolling sixteenths."""
    pattern = str(take.pick(("xooo", "x.oo", "xoxo", ".xxx", "x.ox")))
    return fill_in(take, hits(pattern, take.meter.steps), float(take.rng.choice([0.5, 0.9])), 0.08)


def pattern(take: Take) -> list[Note]:
    """One of the syncopated patterns, repeated."""
    chosen = hits(str(take.pick(PATTERNS)), take.meter.steps)
    return fill_in(take, chosen, float(take.rng.choice([0.4, 0.7, 0.95])), 0.3)


def invented(take: Take) -> list[Note]:
    """A pattern made up for this section."""
    steps = sorted({0, *made_up(take.rng, take.meter, float(take.rng.uniform(0.15, 0.6)), 0.35)})
    return fill_in(take, [(s, 98.0) for s in steps], float(take.rng.choice([0.4, 0.7, 0.95])), 0.45)


def slap(take: Take) -> list[Note]:
    """Thumbed roots, popped octaves, dead notes between."""
    figure = hits(str(take.pick(SLAPS)), take.meter.steps)
    notes = fill_in(take, figure, 0.5, 0.15)
    for note in notes:
        if note.velocity > 110:
            note.key = min(take.high, note.key + 12)
    return notes


def octaves(take: Take) -> list[Note]:
    """Low root and its octave in turn, in eighths or sixteenths."""
    figure = str(take.pick(("x.X.", "x.X.", "xX", "x.XX")))
    notes = fill_in(take, hits(figure, take.meter.steps), float(take.rng.choice([0.45, 0.8])), 0)
    for note in notes:
        note.key += 12 if note.velocity > 110 else 0
    return notes


def root_fifth(take: Take) -> list[Note]:
    """Root and fifth on the strong pulses."""
    held = float(take.rng.choice([0.5, 0.9]))
    notes: list[Note] = []
    for bar in take.section.bar_starts():
        for turn, at in enumerate((0.0, take.meter.beats / 2) if take.meter.beats == 4 else (0.0,)):
            chord = take.section.chord_at(bar + at)
            key = root(take, chord)
            if turn:
                fifth = ((chord.root + chord.fifth) % 12,)
                key = nearest(fifth, key + float(take.rng.choice([-5, 7])), max(24, take.low - 5), take.high)
            notes.append(Note(bar + at, (2 if take.meter.beats == 4 else take.meter.beats) * held, key, 98.0))
    return approached(take, notes)


def long_notes(take: Take) -> list[Note]:
    """A root a chord, the fifth or octave after it at times."""
    notes: list[Note] = []
    for span in take.section.spans:
        key = root(take, span.chord)
        split = span.length >= 2 and take.chance(0.3)
        notes.append(Note(span.start, span.length * (0.5 if split else 0.97), key, 94.0))
        if split:
            upper = key + int(take.rng.choice([12, span.chord.fifth, 0]))
            notes.append(
                Note(span.start + span.length * 0.75, span.length * 0.24, min(upper, take.high), 88.0)
            )
    return notes


def pedal(take: Take) -> list[Note]:
    """The first root throughout, whatever the chords above do."""
    key = root(take, take.section.spans[0].chord)
    figure = hits(
        str(take.pick(("x...............", "x.o.", "x...x.o.", "x.......x..x..o."))), take.meter.steps
    )
    steps = [step for step, _ in figure]
    return [
        Note(bar + at, length * 0.95, key, 95.0)
        for bar in take.section.bar_starts()
        for at, length in with_lengths(steps, take.meter.steps)
    ]


def offbeat(take: Take) -> list[Note]:
    """Between the beats, as trance and polka-like pop have it."""
    return fill_in(take, hits(str(take.pick(("..x.", "..xx", "..xo"))), take.meter.steps), 0.9, 0.05)


def tumbao(take: Take) -> list[Note]:
    """The Latin bass: and-of-two and four, tied over the bar; or the dotted bossa figure."""
    figure = str(
        take.pick(
            (
                "......x.....x...",
                "x.....xx.....x..",
                "x.....x.x.....x.",
                "x..x....x..x....",
                "......x.....x.o.",
            )
        )
    )
    notes: list[Note] = []
    chosen = hits(figure, take.meter.steps)
    for bar in take.section.bar_starts():
        for i, (step, velocity) in enumerate(chosen):
            ahead = chosen[i + 1][0] if i + 1 < len(chosen) else take.meter.steps
            # The last stroke anticipates the coming bar's chord.
            heard = (
                bar + take.meter.beats
                if step >= 12 and bar + take.meter.beats < take.section.end
                else bar + step / 4
            )
            chord = take.section.chord_at(heard)
            key = root(take, chord)
            if i % 2 and take.chance(0.6):
                key = nearest(((chord.root + chord.fifth) % 12,), key + 5, take.low, take.high)
            notes.append(Note(bar + step / 4, (ahead - step) / 4 * 0.9, key, velocity))
    return notes


def arpeggio(take: Take) -> list[Note]:
    """Chord tones in turn: the sequenced bass of synth pop, or a ballad's rising figure."""
    unit = float(take.rng.choice([0.25, 0.5, 0.5, 1.0]))
    order = [int(i) for i in take.rng.integers(0, 5, 8)]
    order[0] = 0
    notes: list[Note] = []
    for i in range(round((take.section.end - take.section.start) / unit)):
        at = take.section.start + i * unit
        chord = take.section.chord_at(at + 1e-4)
        low = root(take, chord)
        keys = [k for k in range(low, low + 20) if k % 12 in chord.classes]
        notes.append(
            Note(at, unit * 0.85, keys[min(order[i % 8], len(keys) - 1)], 100.0 if i % 4 == 0 else 86.0)
        )
    return notes


def acid(take: Take) -> list[Note]:
    """A sequencer's bar of sixteenths with octave leaps, accents and rests, the same every bar."""
    steps = made_up(take.rng, take.meter, float(take.rng.uniform(0.5, 0.95)), 0.4)
    moves = [int(m) for m in take.rng.choice([0, 0, 0, 0, 12, 12, 3, 7, 10, 1, -2], len(steps))]
    levels = [float(v) for v in take.rng.choice([80, 92, 118], len(steps))]
    gates = [float(g) for g in take.rng.choice([0.12, 0.2, 0.3], len(steps))]
    notes: list[Note] = []
    for bar in take.section.bar_starts():
        for step, move, level, gate in zip(steps, moves, levels, gates, strict=True):
            low = root(take, take.section.chord_at(bar + step / 4))
            notes.append(Note(bar + step / 4, gate, min(low + move, take.high), level))
    return notes
