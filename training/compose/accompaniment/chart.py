"""A song as MMA reads it: grooves, and the chords of every bar."""

from __future__ import annotations

import numpy as np

from training.compose.accompaniment.grooves import Grooves
from training.compose.harmony import Chord
from training.compose.score import Section

ROOTS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
# MMA's names of chords, by their semitones above the root.
NAMES: dict[tuple[int, ...], str] = {
    (0, 4, 7): "",
    (0, 3, 7): "m",
    (0, 4, 7, 10): "7",
    (0, 3, 7, 10): "m7",
    (0, 4, 7, 11): "M7",
    (0, 3, 7, 11): "mM7",
    (0, 4, 7, 9): "6",
    (0, 3, 7, 9): "m6",
    (0, 4, 7, 10, 14): "9",
    (0, 3, 7, 10, 14): "m9",
    (0, 4, 7, 11, 14): "M9",
    (0, 4, 10, 14, 21): "13",
    (0, 4, 7, 10, 15): "7#9",
    (0, 4, 7, 10, 13): "7b9",
    (0, 4, 7, 14): "add9",
    (0, 5, 7): "sus4",
    (0, 2, 7): "sus2",
    (0, 5, 7, 10): "7sus",
    (0, 7): "5",
    (0, 3, 6): "mb5",
    (0, 3, 6, 9): "dim7",
    (0, 3, 6, 10): "m7b5",
    (0, 4, 8): "aug",
    (0, 4, 8, 10): "aug7",
    (0, 4, 8, 11): "M7#5",
}


def chart(rng: np.random.Generator, grooves: Grooves, sections: list[Section], seed: int) -> str:
    """The song's text: sections of one label have the same groove, and a fill may lead into the next.

    Args:
        rng: where chance comes from.
        grooves: those of one style.
        sections: what to play over.
        seed: of MMA's own chance.
    """
    by_label = {section.label: str(rng.choice(grooves.steady)) for section in sections}
    filling = float(rng.choice([0.0, 0.5, 0.9]))
    lines = [f"RndSeed {seed}"]
    for section in sections:
        lines.append(f"Groove {by_label[section.label]}")
        *bars, last = section.bar_starts()
        lines += [bar_of(section, start) for start in bars]
        leading = grooves.ends if section.final else grooves.fills
        if leading and rng.random() < filling:
            lines.append(f"Groove {rng.choice(leading)}")
        lines.append(bar_of(section, last))
    return "\n".join(lines) + "\n"


def bar_of(section: Section, start: float) -> str:
    """A bar's chords beat by beat, a slash where the last one goes on."""
    beats: list[str] = []
    for beat in range(int(section.meter.beats)):
        chord = section.chord_at(start + beat)
        same = beat > 0 and chord == section.chord_at(start + beat - 1)
        beats.append("/" if same else name_of(chord))
    return " ".join(["1", *beats])


def name_of(chord: Chord) -> str:
    """MMA's name of a chord; of its triad, where the whole has none."""
    return ROOTS[chord.root] + NAMES.get(chord.tones, NAMES.get(chord.tones[:3], ""))
