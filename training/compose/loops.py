"""Songs of loops: one bar's patterns over four chords, again and again.

The simplest songs there are, composed as those were that the first version of the starter model learnt from:
a kit, one or two basses in turn, and one to four other parts around middle C and above.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mido
import numpy as np

from training.compose.harmony import SCALES
from training.compose.midi_file import Tempo, midi_file
from training.compose.score import METERS, Note, Part

BEATS = 4
STEPS = 16
LOOP_SCALES = ("major", "minor", "dorian", "mixolydian")
# Degrees of the scale, a bar each.
LOOPS = (
    (0, 4, 5, 3),
    (0, 5, 3, 4),
    (5, 3, 0, 4),
    (0, 3, 4, 3),
    (0, 3, 0, 4),
    (1, 4, 0, 0),
    (0, 6, 5, 4),
    (0, 2, 3, 4),
    (0, 0, 3, 4),
    (0, 5, 1, 4),
)
KITS = (0, 0, 0, 8, 16, 24, 25, 32, 40)
KICKS = {
    "rock": (0, 8),
    "four": (0, 4, 8, 12),
    "break": (0, 10),
    "half": (0, 6),
    "sparse": (0,),
    "toms": (0, 8),
}
KICK_ODDS = (0.3, 0.2, 0.2, 0.1, 0.1, 0.1)
TOMS = (41, 43, 45, 47, 48)
HATS = (42, 42, 42, 51, 53, 70, 82, 54, 69)
PERCUSSION = (56, 60, 61, 62, 63, 64, 65, 66, 67, 68, 75, 76, 77, 41, 45, 48)
BASS_FIGURES = ("eighths", "octaves", "walk", "long", "riff", "syncopated")
PADS = (*range(16, 24), *range(48, 56), *range(88, 96), 0, 4, 5)
COMPS = (*range(0, 8), *range(24, 32), 16, 17, 18, 61, 62, 63, 80, 81, 82, 83)
LEADS = (*range(0, 16), *range(21, 32), 40, 41, 42, *range(56, 88), *range(104, 109))
INSTRUMENTS = {
    "pad": PADS,
    "comp": COMPS,
    "stab": COMPS,
    "arpeggio": (*COMPS, *LEADS),
    "lead": LEADS,
    "counter": LEADS,
}


@dataclass(frozen=True)
class Loop:
    """What all parts of a song share.

    Attributes:
        rng: where chance comes from.
        root: the tonic, in semitones above C.
        scale: seven steps in semitones.
        chords: two loops of four degrees; they take turns every eight bars.
        bars: how many the song has.
        swing: how much later, in sixteenths, every second sixteenth comes.
        loose: timing, in quarter notes (standard deviation).
    """

    rng: np.random.Generator
    root: int
    scale: Sequence[int]
    chords: tuple[Sequence[int], Sequence[int]]
    bars: int
    swing: float
    loose: float

    def chord(self, bar: int) -> int:
        """The degree a bar's chord stands on."""
        return self.chords[bar // 8 % 2][bar % 4]

    def key(self, degree: int, octave: int) -> int:
        """The MIDI key of a degree, which may reach below 0 and above 6."""
        return self.root + 12 * (octave + degree // 7) + self.scale[degree % 7]

    def note(self, bar: int, step: float, length: float, key: int, velocity: float) -> Note:
        """A note at a sixteenth of a bar, `length` sixteenths long, as a player would place it."""
        late = self.swing if int(step) % 2 else 0
        start = bar * BEATS + (step + late) / 4 + float(self.rng.normal(0, self.loose))
        shaded = float(np.clip(velocity + self.rng.normal(0, 7), 12, 127))
        return Note(max(0.0, start), max(0.05, length / 4), key, shaded)

    def steps(self, fewest: int, most: int, first: int = 0) -> list[int]:
        """Some sixteenths of a bar from `first` on, in order."""
        count = int(self.rng.integers(fewest, most + 1))
        return sorted(int(step) for step in self.rng.choice(np.arange(first, STEPS), count, replace=False))


def loop_song(rng: np.random.Generator, seconds: float) -> mido.MidiFile:
    """Compose a song of loops.

    Args:
        rng: where chance comes from.
        seconds: how long it is to last, to the bar (at least two of them).

    Returns:
        A file as `compose_song` makes them.
    """
    bpm = float(rng.uniform(68, 172))
    loop = Loop(
        rng,
        root=int(rng.integers(12)),
        scale=SCALES[str(rng.choice(LOOP_SCALES))],
        chords=(LOOPS[int(rng.integers(len(LOOPS)))], LOOPS[int(rng.integers(len(LOOPS)))]),
        bars=max(2, round(seconds * bpm / 60 / BEATS)),
        swing=float(rng.choice([0, 0, 0, 0.16, 0.28])),
        loose=4 / 480,
    )
    parts = [drums(loop), *basses(loop), *others(loop)]
    for part in parts:
        placed(rng, part)
    return midi_file(parts, Tempo(METERS["4/4"], ((0.0, bpm),)), loop.bars * BEATS)


def placed(rng: np.random.Generator, part: Part) -> None:
    """Set a part's place between the sides and its reverb."""
    width = 8 if part.stem == "bass" else 26
    part.controls += [
        (0.0, 10, int(np.clip(64 + rng.normal(0, width), 0, 127))),
        (0.0, 91, int(rng.integers(70))),
    ]


def drums(loop: Loop) -> Part:
    """A kit: another pattern every eight bars, now and then none; fills and percussion."""
    rng = loop.rng
    part = Part("drums", "drums", int(rng.choice(KITS)))
    for first in range(0, loop.bars, 8):
        bars = range(first, min(first + 8, loop.bars))
        section = drum_section(loop, bars)
        if not (first and rng.random() < 0.1):
            part.notes += section
    return part


def drum_section(loop: Loop, bars: range) -> list[Note]:
    """One pattern over some bars, opened by a cymbal."""
    rng = loop.rng
    style = str(rng.choice(list(KICKS), p=KICK_ODDS))
    kicks = {*KICKS[style], *loop.steps(0, 2)}
    backbeat = {"half": {8}, "sparse": {12}}.get(style, {4, 12})
    snares = backbeat | set(loop.steps(1, 1) if rng.random() < 0.3 else ())
    kick, snare = int(rng.choice([35, 36])), int(rng.choice([38, 40, 37, 39]))
    hat, every = int(rng.choice(HATS)), int(rng.choice([1, 2, 2, 4]))
    percussion = [(int(key), loop.steps(1, 4)) for key in rng.choice(PERCUSSION, rng.integers(3))]
    notes = [loop.note(bars[0], 0, 4, int(rng.choice([49, 57, 52])), 105)]
    for bar in bars:
        fill = bar % 4 == 3 and rng.random() < 0.6
        for step in range(STEPS):
            struck = [(key, 78) for key, steps in percussion if step in steps]
            if step in kicks:
                struck.append((kick, 110))
            if step in snares and not (fill and step >= 12):
                struck.append((snare, 104))
            elif rng.random() < 0.05:
                struck.append((snare, 40))
            if step % every == 0:
                opened = hat == 42 and rng.random() < 0.08
                struck.append((46 if opened else hat, 66 if step % 4 else 92))
            if fill and step >= 12:
                struck.append((int(rng.choice([50, *TOMS, snare])), 100))
            if style == "toms" and step % 2 == 0 and rng.random() < 0.6:
                struck.append((int(rng.choice(TOMS)), 90))
            notes += [loop.note(bar, step, 1, key, velocity) for key, velocity in struck]
    return notes


def basses(loop: Loop) -> list[Part]:
    """One bass, or two that take turns; another figure every four bars."""
    rng = loop.rng
    octave = int(rng.choice([2, 2, 3])) if loop.root < 6 else 2
    programs = rng.choice(np.arange(32, 40), rng.choice([1, 1, 2]), replace=False)
    parts = [Part(f"bass ({program})", "bass", int(program)) for program in programs]
    for first in range(0, loop.bars, 4):
        part = parts[int(rng.integers(len(parts)))]
        figure = str(rng.choice(BASS_FIGURES))
        riff = [0, *loop.steps(2, 5, first=1)]
        tones = [int(tone) for tone in rng.choice([0, 0, 0, 4, 2, 7, 6], STEPS)]
        for bar in range(first, min(first + 4, loop.bars)):
            for step, length, degree in bass_bar(rng, figure, riff, tones):
                key = loop.key(loop.chord(bar) + degree, octave)
                part.notes.append(loop.note(bar, step, length, key, 96))
    return [part for part in parts if part.notes]


def bass_bar(
    rng: np.random.Generator, figure: str, riff: list[int], tones: list[int]
) -> list[tuple[int, float, int]]:
    """A bar of a figure: (step, length in steps, degree above the chord's)."""
    if figure == "eighths":
        return [(step, 1.8, 0) for step in range(0, STEPS, 2)]
    if figure == "octaves":
        return [(step, 1.6, 7 if step % 4 == 2 else 0) for step in range(0, STEPS, 2)]
    if figure == "walk":
        degrees = (0, 2, 4, int(rng.choice([5, 3, 6])))
        return [(4 * beat, 3.8, degree) for beat, degree in enumerate(degrees)]
    if figure == "long":
        fifth = [(8, 7.5, 4)] if rng.random() < 0.4 else []
        return [(0, 15 if rng.random() < 0.6 else 7.5, 0), *fifth]
    if figure == "syncopated":
        return [(step, 2.5, 0) for step in (0, 3, 6, 10, 13)]
    ends = [*riff[1:], STEPS]
    return [
        (step, max(1, end - step - 0.3), tones[i])
        for i, (step, end) in enumerate(zip(riff, ends, strict=True))
    ]


def others(loop: Loop) -> list[Part]:
    """One to four other parts, each of another role; each rests in some of its bars."""
    rng = loop.rng
    roles = rng.choice(list(INSTRUMENTS), rng.choice([1, 2, 2, 3, 3, 4]), replace=False)
    parts = [other(loop, str(role), place) for place, role in enumerate(roles)]
    return [part for part in parts if part.notes]


def other(loop: Loop, role: str, place: int) -> Part:
    """A part of a role; it rests more where its `place` among the others has its turn."""
    rng = loop.rng
    part = Part(role, "other", int(rng.choice(INSTRUMENTS[role])))
    octave = int(rng.integers(4, 6)) + (int(rng.integers(2)) if role in ("lead", "counter") else 0)
    rhythm = loop.steps(3, 8)
    order = [int(tone) for tone in rng.permutation(8)]
    degree = 0
    for bar in range(loop.bars):
        if (bar // 4 + place) % 4 == 3 and rng.random() < 0.35:
            continue
        chord = loop.chord(bar)
        tones = [0, 2, 4, 6] if rng.random() < 0.3 else [0, 2, 4]
        if role == "pad":
            struck = [(0, 15.5, tone, 78) for tone in tones]
        elif role in ("comp", "stab"):
            length = 1 if role == "stab" else 2.2
            struck = [(step, length, tone, 84) for step in rhythm for tone in tones]
        elif role == "arpeggio":
            pace = int(rng.choice([1, 2]))
            turns = [(step, order[step // 2]) for step in range(0, STEPS, pace)]
            struck = [(step, 1.8, 2 * (turn % 4) + (7 if turn > 5 else 0), 82) for step, turn in turns]
        else:
            struck = []
            for step in rhythm:
                degree = int(np.clip(degree + rng.integers(-2, 3), -4, 9))
                if rng.random() < 0.85:
                    struck.append((step, float(rng.uniform(1, 4)), degree, 94))
        for step, length, tone, velocity in struck:
            part.notes.append(loop.note(bar, step, length, loop.key(chord + tone, octave), velocity))
    return part
