"""Players of single lines: melodies in phrases, counter-melodies, runs, calls and responses."""

from __future__ import annotations

from training.compose.harmony import nearest
from training.compose.rhythm import made_up, with_lengths
from training.compose.score import Note, Take

Motif = list[tuple[float, float, int]]


def motif(take: Take, density: float) -> Motif:
    """A bar's idea: (start, length) in quarter notes and the step of the scale it moves by."""
    steps = made_up(take.rng, take.meter, density, float(take.rng.uniform(0, 0.35)))
    if take.chance(0.25) and len(steps) > 2:
        steps = steps[1:]
    moves = take.rng.choice([-4, -2, -1, -1, 0, 0, 1, 1, 2, 3, 5], len(steps))
    timed = with_lengths(steps, take.meter.steps)
    return [(at, length, int(move)) for (at, length), move in zip(timed, moves, strict=True)]


def sung(take: Take, idea: Motif, bar: float, key: float, held: float) -> tuple[list[Note], float]:
    """The idea over this bar's chords from `key` on: strong beats on chord tones, the rest on the scale."""
    notes: list[Note] = []
    for at, length, move in idea:
        chord = take.section.chord_at(bar + at)
        strong = at in take.meter.pulses or length >= 1
        aim = key + move * 1.8
        if aim > take.high - 2 or aim < take.low + 2:
            aim = key - move * 1.8
        key = nearest(chord.classes if strong else chord.scale, aim, take.low, take.high)
        notes.append(Note(bar + at, min(length, 2.5) * held, int(key), 106.0 if strong else 94.0))
    return notes, key


def melody(take: Take) -> list[Note]:
    """Phrases of four bars: an idea, the idea again, a contrast and a close on a long chord tone."""
    density = float(take.rng.uniform(0.18, 0.55))
    first, second = motif(take, density), motif(take, min(0.8, density * float(take.rng.uniform(0.7, 1.6))))
    plan = take.pick([(0, 0, 1, 2), (0, 1, 0, 2), (0, 0, 0, 2), (0, 1, 0, 1), (0, 2, 0, 2)])
    held = float(take.rng.choice([0.5, 0.8, 0.95, 1.0]))
    key = float(take.rng.uniform(take.low + 4, take.high - 4))
    notes: list[Note] = []
    for number, bar in enumerate(take.section.bar_starts()):
        turn = plan[number % 4]
        if turn == 2:
            chord = take.section.chord_at(bar)
            key = nearest(chord.classes, key, take.low, take.high)
            rest = float(take.rng.choice([0.0, 0.0, 1.0, 1.5]))
            notes.append(Note(bar, max(1.0, take.meter.beats - rest) * 0.95, int(key), 102.0))
            continue
        sequenced = key + float(take.rng.choice([-2, 0, 0, 2])) if number else key
        added, key = sung(take, (first, second)[turn], bar, sequenced, held)
        notes.extend(added)
    if take.chance(0.2):
        return harmonised(take, notes)
    return ornamented(take, notes) if take.chance(0.25) else notes


def harmonised(take: Take, notes: list[Note]) -> list[Note]:
    """The line with another a third, sixth or octave from it."""
    distance = int(take.rng.choice([-3, -4, -8, -12, 4]))
    added: list[Note] = []
    for note in notes:
        scale = take.section.chord_at(note.start).scale
        key = note.key + distance if abs(distance) == 12 else nearest(scale, note.key + distance, 24, 100)
        added.append(Note(note.start, note.length, key, note.velocity * 0.9))
    return notes + added


def ornamented(take: Take, notes: list[Note]) -> list[Note]:
    """The line with grace notes, and trills on some of its long notes."""
    played: list[Note] = []
    for note in notes:
        upper = nearest(take.section.chord_at(note.start).scale, note.key + 1.6, note.key + 1, note.key + 3)
        if note.length >= 0.9 and take.chance(0.25):
            count = int(note.length / 0.125)
            for i in range(count):
                key = note.key if i % 2 == 0 else upper
                played.append(Note(note.start + i * 0.125, 0.12, key, note.velocity * 0.9))
            continue
        if take.chance(0.12) and note.start >= take.section.start + 0.1:
            played.append(Note(note.start - 0.08, 0.08, upper, note.velocity * 0.8))
        played.append(note)
    return played


def thirds(take: Take) -> list[Note]:
    """A melody in parallel thirds or sixths throughout."""
    return harmonised(take, melody(take))


def counter(take: Take) -> list[Note]:
    """A slow line under or over the tune: one or two notes a chord, moving by step."""
    key = float((take.low + take.high) / 2)
    twice = take.chance(0.5)
    notes: list[Note] = []
    for span in take.section.spans:
        parts = 2 if twice and span.length >= 2 else 1
        for i in range(parts):
            aim = key + float(take.rng.choice([-3, -2, -1, 1, 2, 3]))
            key = nearest(span.chord.classes if i == 0 else span.chord.scale, aim, take.low, take.high)
            length = span.length / parts
            notes.append(Note(span.start + i * length, length * 0.96, int(key), 90.0))
    return notes


def runs(take: Take) -> list[Note]:
    """Scale runs of sixteenths or faster, some bars of them, as strings and winds play before an arrival."""
    rate = float(take.rng.choice([0.25, 0.25, 1 / 3, 0.125]))
    often = float(take.rng.uniform(0.3, 0.9))
    notes: list[Note] = []
    for bar in take.section.bar_starts():
        if not take.chance(often):
            continue
        up = take.chance(0.6)
        begin = 0.0 if take.chance(0.4) else take.meter.beats / 2
        key = take.low if up else take.high
        for i in range(int((take.meter.beats - begin) / rate)):
            at = bar + begin + i * rate
            scale = take.section.chord_at(at).scale
            ahead = range(key + 1, take.high + 1) if up else range(key - 1, take.low - 1, -1)
            following = next((k for k in ahead if k % 12 in scale), None)
            if following is None:
                up = not up
                continue
            key = following
            notes.append(Note(at, rate * 0.95, key, 86.0 + i))
    return notes


def call(take: Take) -> list[Note]:
    """A busy bar answered by a bar of rest or a long note: fills between another's phrases."""
    idea = motif(take, float(take.rng.uniform(0.3, 0.7)))
    parity = int(take.rng.integers(2))
    key = float(take.rng.uniform(take.low + 3, take.high - 3))
    notes: list[Note] = []
    for number, bar in enumerate(take.section.bar_starts()):
        if number % 2 == parity:
            added, key = sung(take, idea, bar, key, 0.85)
            notes.extend(added)
    return notes
