"""Players of chords: pads, comping, stabs and strums."""

from __future__ import annotations

from training.compose.harmony import voicing
from training.compose.rhythm import hits, made_up
from training.compose.score import Note, Take

COMPS = {
    "straight": (
        "x...x...x...x...",
        "x.o.x.o.x.o.x.o.",
        "x.......x.......",
        "x..x..x.x..x..x.",
        "x...o.o.x...o.o.",
    ),
    "swing": (
        "x.....x.........",
        "......x.......x.",
        "x.....o.....x...",
        "..x...x.........",
        "x.....x.....x...",
    ),
    "funk": (
        "x..x..x...x.x...",
        "..x.x..x..x..x.x",
        "x.....gx.g..x.g.",
        "xgxg.gxg.xg.xgx.",
        "....x..x....x...",
    ),
    "latin": ("x..x..x...x.x...", "x..x...x.x..x...", "x.x..x.x.x.x..x.", "..x.x..x..x.x..x"),
    "waltz": ("....x...x...", "....x.o.x.o.", "x...o...o...", "..x.x.x.x.x."),
    "drive": ("x.x.x.x.x.x.x.x.", "xxxxxxxxxxxxxxxx", "x.xxx.xxx.xxx.xx", "xoxoxoxoxoxoxoxo"),
}


def rhythm_of(take: Take) -> list[tuple[int, float]]:
    """A bar's rhythm in the take's feel: (sixteenth, velocity), made up a third of the time."""
    if take.chance(0.33):
        density = float(take.rng.uniform(0.15, 0.5))
        return [(s, 90.0) for s in made_up(take.rng, take.meter, density, float(take.rng.uniform(0, 0.5)))]
    feel = "waltz" if take.meter.steps == 12 else take.feel
    return hits(str(take.pick(COMPS.get(feel, COMPS["straight"]))), take.meter.steps)


def chordal(take: Take, pattern: list[tuple[int, float]], short: float | None, spread: float) -> list[Note]:
    """The chords on a bar's pattern.

    Args:
        take: what is played over.
        pattern: (sixteenth, velocity) of each chord in a bar.
        short: quarter notes a chord lasts, held to the next one when None.
        spread: quarter notes between neighbouring strings of a strummed chord; 0 plays them together.
    """
    voices = int(take.rng.choice([2, 3, 3, 4, 4, 5]))
    opened = take.chance(0.3)
    previous: list[int] = []
    notes: list[Note] = []
    down = True
    for bar in take.section.bar_starts():
        for i, (step, velocity) in enumerate(pattern):
            ahead = pattern[i + 1][0] if i + 1 < len(pattern) else take.meter.steps
            length = (ahead - step) / 4 * 0.95 if short is None else short
            chord = take.section.chord_at(bar + step / 4)
            previous = voicing(chord, take.low, take.high, voices, previous, opened)
            keys = previous if down else previous[::-1]
            for n, key in enumerate(keys):
                late = n * spread
                notes.append(Note(bar + step / 4 + late, max(0.08, length - late), key, velocity * 0.9))
            down = not down if spread else True
    return notes


def comp(take: Take) -> list[Note]:
    """Chords in the style's rhythm, held or short."""
    short = None if take.chance(0.45) else float(take.rng.uniform(0.12, 0.6))
    return chordal(take, rhythm_of(take), short, 0)


def stabs(take: Take) -> list[Note]:
    """A few short, loud chords."""
    steps = made_up(take.rng, take.meter, float(take.rng.uniform(0.06, 0.25)), 0.4)
    return chordal(take, [(s, 112.0) for s in steps], float(take.rng.uniform(0.15, 0.5)), 0)


def strum(take: Take) -> list[Note]:
    """Strummed chords, up and down strokes in turn."""
    patterns = (
        "x.x.x.x.x.x.x.x.",
        "x...x.ox..o.x.ox",
        "x...x.o...o.x.o.",
        "x..o..x.o.x..o..",
        "x.oox.oox.oox.oo",
    )
    pattern = hits(str(take.pick(patterns)), take.meter.steps)
    return chordal(take, pattern, None, float(take.rng.uniform(0.015, 0.06)))


def skank(take: Take) -> list[Note]:
    """The offbeat chops of reggae and ska."""
    pattern = str(take.pick(("....x.......x...", "..x...x...x...x.", "..x.x...o.x.x...", "....x.o.....x.o.")))
    return chordal(take, hits(pattern, take.meter.steps), float(take.rng.uniform(0.1, 0.25)), 0)


def offbeat(take: Take) -> list[Note]:
    """Chords after each pulse: the "pah" of polkas, marches and waltzes."""
    pattern = (
        "....x...x..." if take.meter.steps == 12 else str(take.pick(("..x...x...x...x.", "....x.......x...")))
    )
    return chordal(take, hits(pattern, take.meter.steps), float(take.rng.uniform(0.2, 0.5)), 0)


def pad(take: Take) -> list[Note]:
    """Sustained chords, led by the least motion; tones in common are tied over at times."""
    voices = int(take.rng.choice([3, 3, 4, 4, 5, 6]))
    opened, tied = take.chance(0.4), take.chance(0.3)
    sounding: dict[int, Note] = {}
    notes: list[Note] = []
    previous: list[int] = []
    for span in take.section.spans:
        previous = voicing(span.chord, take.low, take.high, voices, previous, opened)
        held = {key: note for key, note in sounding.items() if tied and key in previous}
        for note in held.values():
            note.length += span.length
        sounding = {**held}
        for key in previous:
            if key not in held:
                sounding[key] = Note(span.start, span.length * 0.98, key, 82.0)
                notes.append(sounding[key])
    return notes
