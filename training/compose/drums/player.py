"""The drummer: a groove for each section, varied, with accents, fills and percussion."""

from __future__ import annotations

from training.compose.drums.fills import HIT, build_up, fill, roll
from training.compose.drums.grooves import COMPOUND, GROOVES, TRIPLE, Groove
from training.compose.drums.kit import KEYS
from training.compose.rhythm import hits, made_up
from training.compose.score import Note, Take

TIMEKEEPERS = (
    "hat",
    "hat",
    "hat",
    "ride",
    "ride",
    "bell",
    "open",
    "tambourine",
    "shaker",
    "cowbell",
    "pedal",
)
SWUNG_TIMEKEEPERS = ("ride", "ride", "ride", "hat", "pedal", "bell")


def drum_section(take: Take, families: tuple[str, ...], percussion: float) -> list[Note]:
    """A section's drums.

    Args:
        take: what is played over.
        families: families of grooves to choose from.
        percussion: probability of hand percussion beside the kit.
    """
    groove = varied(take, chosen(take, families))
    keys = tuned(take, groove, families)
    layers = [(keys[lane], hits(line, take.meter.steps)) for lane, line in groove.items()]
    if take.chance(percussion):
        layers += extra_percussion(take)
    rare = take.chance(0.08)
    layers = layers[:1] if rare else layers
    return [*bars(take, layers), *landmarks(take, families)]


def chosen(take: Take, families: tuple[str, ...]) -> Groove:
    """A groove of the families that fits the metre, or one made up."""
    if take.meter.steps == 12:
        return dict(take.pick(TRIPLE if len(take.meter.pulses) == 3 else COMPOUND))
    if take.chance(0.15):
        return invented(take)
    return dict(take.pick(GROOVES[str(take.pick(families))]))


def written(steps: list[int], size: int, letter: str = "x") -> str:
    """A line with `letter` on each of `steps`."""
    return "".join(letter if i in steps else "." for i in range(size))


def invented(take: Take) -> Groove:
    """A groove nobody has played: each lane made up within the metre."""
    size = take.meter.steps
    lanes = [str(lane) for lane in take.rng.choice(list(KEYS), int(take.rng.integers(0, 3)), replace=False)]
    groove = {
        "kick": written(made_up(take.rng, take.meter, float(take.rng.uniform(0.1, 0.4)), 0.2), size),
        "snare": written(made_up(take.rng, take.meter, float(take.rng.uniform(0.06, 0.25)), 0.5), size),
        "time": written(made_up(take.rng, take.meter, float(take.rng.uniform(0.25, 1)), 0.1), size, "o"),
    }
    for lane in lanes:
        groove[lane] = written(made_up(take.rng, take.meter, float(take.rng.uniform(0.06, 0.4)), 0.4), size)
    return groove


def varied(take: Take, groove: Groove) -> Groove:
    """The groove with a few strokes added or left out."""
    changed: Groove = {}
    for lane, line in groove.items():
        letters = list(line)
        if lane in ("kick", "snare") and take.chance(0.4):
            place = int(take.rng.integers(1, len(letters)))
            letters[place] = "." if letters[place] != "." else ("x" if lane == "kick" else "g")
        changed[lane] = "".join(letters)
    if take.section.energy < 0.45 and len(changed) > 1 and take.chance(0.5):
        changed.pop(str(take.pick(list(changed))))
    return changed


def tuned(take: Take, groove: Groove, families: tuple[str, ...]) -> dict[str, int]:
    """The key each lane is played on in this section."""
    swung = bool({"swing", "brushes"} & set(families))
    keeper = str(take.pick(SWUNG_TIMEKEEPERS if swung else TIMEKEEPERS))
    return {lane: int(take.pick(KEYS[keeper if lane == "time" else lane])) for lane in groove}


def extra_percussion(take: Take) -> list[tuple[int, list[tuple[int, float]]]]:
    """One or two hand percussion lanes: a shaker's sixteenths, or a made-up pattern."""
    lanes = ("shaker", "tambourine", "cowbell", "conga high", "conga low", "bongo high", "claves", "block",
             "agogo high", "triangle", "guiro", "clap", "timbale high", "cuica", "sleigh")  # fmt: skip
    layers = []
    for _ in range(int(take.rng.integers(1, 3))):
        key = int(take.pick(KEYS[str(take.pick(lanes))]))
        if take.chance(0.4):
            layers.append(
                (key, hits(str(take.pick(("xoooxooo", "x.o.x.o.", "..x...x.", "ooxo"))), take.meter.steps))
            )
        else:
            steps = made_up(take.rng, take.meter, float(take.rng.uniform(0.1, 0.5)), 0.4)
            layers.append((key, [(s, 84.0) for s in steps]))
    return layers


def bars(take: Take, layers: list[tuple[int, list[tuple[int, float]]]]) -> list[Note]:
    """The layers bar after bar, with a fill at the end and at some fourth bars, and now and then a stop."""
    loose = float(take.rng.choice([0.0, 0.02, 0.06]))
    filled = float(take.rng.choice([1.0, 2.0, 2.0, take.meter.beats, 0.5]))
    filled = min(filled, take.meter.beats)
    opened = take.chance(0.25)
    stop = take.chance(0.08)
    notes: list[Note] = []
    for number, bar in enumerate(take.section.bar_starts()):
        last = number == take.section.bars - 1
        ends = (last and take.chance(0.75)) or (number % 4 == 3 and take.chance(0.3))
        until = bar + take.meter.beats - (filled if ends or (last and stop) else 0)
        for key, pattern in layers:
            for step, velocity in pattern:
                at = bar + step / 4
                if at >= until - 1e-6 or take.chance(loose):
                    continue
                sounding = 46 if key == 42 and opened and step == take.meter.steps - 2 else key
                notes.append(Note(at, HIT, sounding, velocity))
        if ends and not (last and stop):
            notes.extend(fill(take.rng, until, filled))
    return notes


def landmarks(take: Take, families: tuple[str, ...]) -> list[Note]:
    """The crash that opens a section, the swell that leads out of it, and the last hit of all."""
    notes: list[Note] = []
    if take.chance(0.75):
        key = int(take.pick((49, 49, 57, 52, 55)))
        notes.append(Note(take.section.start, HIT, key, 108.0))
    if take.chance(0.3 if "orchestral" in families else 0.05):
        length = take.meter.beats * min(2, take.section.bars)
        notes.extend(roll(take.rng, take.section.end - length, length))
    if take.chance(0.3 if "techno" in families else 0.03):
        length = take.meter.beats * min(2, take.section.bars)
        notes.extend(build_up(take.rng, take.section.end - length, length))
    return notes
