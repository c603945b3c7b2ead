"""Players of textures: drones, tremolo, pitched percussion, sweeps and hymn-like chorales."""

from __future__ import annotations

from training.compose.harmony import at_or_above, nearest, voicing
from training.compose.other.figures import ladder
from training.compose.rhythm import hits, made_up
from training.compose.score import Note, Take


def drone(take: Take) -> list[Note]:
    """The first chord's root, with its fifth or octave, held or struck anew through the whole section."""
    root = at_or_above(take.section.spans[0].chord.root, take.low)
    keys = take.pick([(root,), (root, root + 7), (root, root + 12), (root, root + 7, root + 12)])
    every = float(take.rng.choice([1, 2, 4, 8])) * take.meter.beats / 2
    notes: list[Note] = []
    at = take.section.start
    while at < take.section.end - 1e-6:
        notes.extend(Note(at, min(every, take.section.end - at) * 0.99, key, 84.0) for key in keys)
        at += every
    return notes


def tremolo(take: Take) -> list[Note]:
    """Chords repeated or rocked as fast as bows and mallets can."""
    rate = float(take.rng.choice([0.125, 0.25, 1 / 6]))
    voices = int(take.rng.choice([1, 2, 3, 3]))
    rocking = take.chance(0.4) and voices > 1
    swell = take.chance(0.5)
    notes: list[Note] = []
    previous: list[int] = []
    for span in take.section.spans:
        previous = voicing(span.chord, take.low, take.high, voices, previous, False)
        count = round(span.length / rate)
        for i in range(count):
            keys = [previous[i % len(previous)]] if rocking else previous
            velocity = 62 + 44 * i / count if swell else 84.0
            notes.extend(Note(span.start + i * rate, rate * 0.95, key, velocity) for key in keys)
    return notes


def percussion(take: Take) -> list[Note]:
    """Timpani, taikos, steel drums or woodblocks: a pattern on root and fifth, with rolls before arrivals."""
    pattern = str(
        take.pick(
            (
                "x...............",
                "x.......o.......",
                "x..o..x.o.x..o..",
                "x...ooxo....o.o.",
                "x.oox.oox.ooxooo",
            )
        )
    )
    made = [(s, 90.0) for s in made_up(take.rng, take.meter, 0.3, 0.3)]
    figure = made if take.chance(0.4) else hits(pattern, take.meter.steps)
    notes: list[Note] = []
    for number, bar in enumerate(take.section.bar_starts()):
        chord = take.section.chord_at(bar)
        tones = (chord.root, (chord.root + chord.fifth) % 12)
        middle = (take.low + take.high) / 2
        low, high = sorted(nearest((tone,), middle, take.low, take.high) for tone in tones)
        if number % 4 == 3 and take.chance(0.5):
            count = round(take.meter.beats * 6)
            notes.extend(Note(bar + i / 6, 0.16, low, 50 + 65 * i / count) for i in range(count))
            continue
        for step, velocity in figure:
            notes.append(Note(bar + step / 4, 0.4, low if step % 8 == 0 else high, velocity * 1.05))
    return notes


def sweep(take: Take) -> list[Note]:
    """Glissandi over the chord, up or down, before some of the bars: harps, synths, celestas."""
    rate = float(take.rng.choice([0.0625, 0.125]))
    notes: list[Note] = []
    for bar in take.section.bar_starts():
        keys = ladder(take.section.chord_at(bar), take.low, take.high)
        if take.chance(0.35):
            keys = keys if take.chance(0.6) else keys[::-1]
            notes.extend(Note(bar + i * rate, 0.5, key, 70.0 + i * 2) for i, key in enumerate(keys))
        else:
            notes.extend(Note(bar, take.meter.beats * 0.9, key, 78.0) for key in keys[::2][:3])
    return notes


def hymn(take: Take) -> list[Note]:
    """Four voices moving together in quarters or halves, passing notes in the upper ones."""
    unit = float(take.rng.choice([1, 2, take.meter.beats]))
    previous: list[int] = []
    notes: list[Note] = []
    at = take.section.start
    while at < take.section.end - 1e-6:
        chord = take.section.chord_at(at)
        length = min(unit, take.section.end - at)
        previous = voicing(chord, take.low + 8, take.high, 3, previous, take.chance(0.3))
        bottom = at_or_above(chord.root, max(24, take.low - 6))
        for key in (bottom, *previous):
            if take.chance(0.15) and length >= 1:
                passing = nearest(chord.scale, key + float(take.rng.choice([-2, 2])), 24, 100)
                notes.append(Note(at, length * 0.49, key, 86.0))
                notes.append(Note(at + length / 2, length * 0.48, passing, 80.0))
            else:
                notes.append(Note(at, length * 0.97, key, 86.0))
        at += unit
    return notes
