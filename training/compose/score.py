"""What a composed song consists of: notes in parts, and the plan (metre, sections, chords) they follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from training.compose.harmony import Chord

DRUM_CHANNEL = 9
Choice = TypeVar("Choice")


@dataclass(slots=True)
class Note:
    """A note; `start` and `length` in quarter notes on the straight grid, before swing and humanising."""

    start: float
    length: float
    key: int
    velocity: float


@dataclass
class Part:
    """One instrument: its notes, and its controllers and bends as (quarter notes, controller, value)."""

    name: str
    stem: str
    program: int
    notes: list[Note] = field(default_factory=list)
    controls: list[tuple[float, int, int]] = field(default_factory=list)
    bends: list[tuple[float, float]] = field(default_factory=list)
    programs: list[tuple[float, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Meter:
    """A metre: quarter notes in a bar, the starts of its pulses and how it is written (4/4, 6/8)."""

    beats: float
    pulses: tuple[float, ...]
    numerator: int
    denominator: int

    @property
    def steps(self) -> int:
        """Sixteenths in a bar."""
        return round(self.beats * 4)


METERS = {
    "4/4": Meter(4, (0, 1, 2, 3), 4, 4),
    "3/4": Meter(3, (0, 1, 2), 3, 4),
    "6/8": Meter(3, (0, 1.5), 6, 8),
    "5/4": Meter(5, (0, 1, 2, 3, 4), 5, 4),
    "7/8": Meter(3.5, (0, 1, 2), 7, 8),
}


@dataclass(frozen=True)
class Span:
    """A stretch of one chord; `start` and `length` in quarter notes from the song's start."""

    start: float
    length: float
    chord: Chord

    @property
    def end(self) -> float:
        """Where it ends, in quarter notes."""
        return self.start + self.length


@dataclass(frozen=True)
class Section:
    """Some bars that belong together; sections of one label repeat the same material."""

    label: str
    start: float
    bars: int
    meter: Meter
    energy: float
    spans: tuple[Span, ...]
    final: bool

    @property
    def end(self) -> float:
        """Where it ends, in quarter notes."""
        return self.start + self.bars * self.meter.beats

    def bar_starts(self) -> list[float]:
        """The start of every bar, in quarter notes."""
        return [self.start + bar * self.meter.beats for bar in range(self.bars)]

    def chord_at(self, beat: float) -> Chord:
        """The chord that sounds at `beat` (quarter notes from the song's start)."""
        for span in self.spans:
            if beat < span.end - 1e-6:
                return span.chord
        return self.spans[-1].chord


@dataclass
class Take:
    """One part's going over one section: what a player gets to know."""

    rng: np.random.Generator
    section: Section
    low: int
    high: int
    feel: str

    @property
    def meter(self) -> Meter:
        """The section's metre."""
        return self.section.meter

    def chance(self, probability: float) -> bool:
        """True with `probability`."""
        return bool(self.rng.random() < probability)

    def pick(self, choices: Sequence[Choice]) -> Choice:
        """One of `choices`, each as likely."""
        return choices[int(self.rng.integers(len(choices)))]
