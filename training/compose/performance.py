"""From notes on a straight grid to played ones: swing, loose timing, dynamics, pedal, bends and the mix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.compose.score import Note, Part, Section

KEYBOARDS = (0, 1, 2, 3, 4, 5, 11, 46)
BENT = (
    *range(24, 32),
    *range(33, 40),
    *range(40, 44),
    *range(56, 58),
    *range(64, 68),
    *range(80, 88),
    22,
    105,
    110,
)
SWELLING = (*range(40, 45), *range(48, 55), *range(56, 80), *range(88, 96), *range(109, 112))

# Sound fonts make these far louder than the rest; arrangers turn them down.
LOUD = (17, 18, 29, 30, 55, 62, 63, *range(80, 88), 90)


@dataclass(frozen=True)
class Feel:
    """How a song is played.

    `swing`: how late the offbeat comes, as a fraction of a beat's half (0 to 0.33), on `unit` quarter notes;
    `loose`: timing, in quarter notes (standard deviation); `dynamics`: velocities' standard deviation;
    `rigid`: quantised at one velocity a part, as game music often is.
    """

    swing: float
    unit: float
    loose: float
    dynamics: float
    rigid: bool


def swung(beat: float, feel: Feel) -> float:
    """Where a straight grid's `beat` falls when swung."""
    if feel.swing == 0:
        return beat
    whole, within = divmod(beat, feel.unit)
    half = feel.unit / 2
    late = half * (1 + feel.swing)
    if within < half:
        return whole * feel.unit + within / half * late
    return whole * feel.unit + late + (within - half) / half * (feel.unit - late)


def performed(
    rng: np.random.Generator, part: Part, feel: Feel, sections: list[Section], crowd: float
) -> None:
    """Play a part: its notes are swung, loosened and shaded in place, its controllers added.

    Args:
        rng: where chance comes from.
        part: the part, its notes on the straight grid.
        feel: how the song is played.
        sections: the song's sections, whose energy shades the velocities.
        crowd: how many notes beside drums and bass sound at once, on average.
    """
    drift = 0.0 if feel.rigid else float(rng.normal(0, feel.loose))
    level = float(rng.uniform(0.82, 1.12))
    flat = int(rng.choice([80, 90, 100, 110, 120, 127])) if feel.rigid else 0
    ends = [section.end for section in sections]
    for note in part.notes:
        energy = sections[min(int(np.searchsorted(ends, note.start + 1e-6)), len(ends) - 1)].energy
        start, stop = swung(note.start, feel), swung(note.start + note.length, feel)
        late = 0.0 if feel.rigid else drift + float(rng.normal(0, feel.loose))
        note.start, note.length = max(0.0, start + late), max(0.05, stop - start)
        if flat:
            note.velocity = flat if note.velocity >= 60 else 50
        else:
            shade = level * (0.78 + 0.26 * energy)
            note.velocity = float(np.clip(note.velocity * shade + rng.normal(0, feel.dynamics), 8, 127))
    mixed(rng, part, crowd)
    expressed(rng, part, feel, sections)


def mixed(rng: np.random.Generator, part: Part, crowd: float) -> None:
    """Set the part's volume, place and effects; the more notes sound at once, the lower the volume."""
    lowest = {"drums": 94, "bass": 84, "other": 60}[part.stem]
    width = {"drums": 4, "bass": 8, "other": 34}[part.stem]
    volume = int(rng.integers(lowest, 128))
    if part.stem == "other":
        # The amplitude goes with the square of CC7, so this root holds the power of a crowd about level.
        volume = round(volume * min(1.1, (3 / max(1.0, crowd)) ** 0.25))
        volume = max(36, volume - (14 if part.program in LOUD else 0))
    reverb = int(rng.choice([0, 0, 20, 40] if part.stem == "bass" else [0, 20, 40, 40, 64, 100]))
    part.controls += [
        (0.0, 7, volume),
        (0.0, 10, int(np.clip(rng.normal(64, width), 0, 127))),
        (0.0, 91, reverb),
        (0.0, 93, int(rng.choice([0, 0, 0, 30, 70]))),
        (0.0, 11, 127),
    ]


def expressed(rng: np.random.Generator, part: Part, feel: Feel, sections: list[Section]) -> None:
    """Add what players do beside striking keys: pedal, swells, vibrato, bends."""
    if part.stem == "drums":
        return
    if part.program in KEYBOARDS and part.stem == "other" and rng.random() < 0.45:
        pedalled(part, sections, feel)
    if part.program in SWELLING and rng.random() < 0.35:
        swells(rng, part, sections)
    if part.program not in KEYBOARDS and rng.random() < 0.25:
        vibrato(rng, part)
    if part.program in BENT and rng.random() < (0.3 if part.stem == "bass" else 0.4):
        bent(rng, part)


def pedalled(part: Part, sections: list[Section], feel: Feel) -> None:
    """The sustain pedal, changed with every chord."""
    for section in sections:
        for span in section.spans:
            start = swung(span.start, feel)
            part.controls += [(start + 0.05, 64, 127), (start + max(0.2, span.length - 0.04), 64, 0)]


def swells(rng: np.random.Generator, part: Part, sections: list[Section]) -> None:
    """Expression that rises or falls over every two bars, or over the section."""
    floor = int(rng.integers(40, 95))
    for section in sections:
        rising = rng.random() < 0.6
        period = section.meter.beats * (2 if rng.random() < 0.5 else section.bars)
        at = section.start
        while at < section.end - 1e-6:
            for i in range(12):
                shape = i / 11 if rising else 1 - i / 11
                part.controls.append((at + period * i / 12, 11, int(floor + (127 - floor) * shape)))
            at += period
    part.controls = [item for item in part.controls if item[0] < sections[-1].end]


def vibrato(rng: np.random.Generator, part: Part) -> None:
    """The modulation wheel raised on long notes."""
    depth = int(rng.integers(30, 100))
    for note in part.notes:
        if note.length > 0.9:
            part.controls += [(note.start + 0.4, 1, depth), (note.start + note.length, 1, 0)]


def bent(rng: np.random.Generator, part: Part) -> None:
    """Slides into some notes and falls off others; single notes only, since a bend moves all that sounds."""
    ordered: list[Note] = sorted(part.notes, key=lambda note: note.start)
    for i, note in enumerate(ordered):
        alone = (i == 0 or ordered[i - 1].start + 0.1 < note.start) and (
            i + 1 == len(ordered) or ordered[i + 1].start > note.start + 0.1
        )
        if not alone or note.length < 0.4 or rng.random() > 0.15:
            continue
        depth = float(rng.choice([-2, -1, -1, -0.5]))
        falls = rng.random() < 0.25
        begin = note.start + (note.length * 0.6 if falls else 0.0)
        span = note.length * 0.35 if falls else min(0.25, note.length / 2)
        for step in range(7):
            amount = depth * step / 6 if falls else depth * (1 - step / 6)
            part.bends.append((begin + span * step / 6, amount))
        part.bends.append((note.start + note.length, 0.0))
