"""Scales, chords and progressions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "melodic minor": (0, 2, 3, 5, 7, 9, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "spanish": (0, 1, 4, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "blues": (0, 3, 5, 6, 7, 10),
    "major blues": (0, 2, 3, 4, 7, 9),
    "pentatonic": (0, 2, 4, 7, 9),
    "minor pentatonic": (0, 3, 5, 7, 10),
    "whole tone": (0, 2, 4, 6, 8, 10),
}

QUALITIES: dict[str, tuple[int, ...]] = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "7": (0, 4, 7, 10),
    "m7": (0, 3, 7, 10),
    "M7": (0, 4, 7, 11),
    "6": (0, 4, 7, 9),
    "m6": (0, 3, 7, 9),
    "9": (0, 4, 7, 10, 14),
    "m9": (0, 3, 7, 10, 14),
    "M9": (0, 4, 7, 11, 14),
    "13": (0, 4, 10, 14, 21),
    "7#9": (0, 4, 7, 10, 15),
    "7b9": (0, 4, 7, 10, 13),
    "add9": (0, 4, 7, 14),
    "sus4": (0, 5, 7),
    "sus2": (0, 2, 7),
    "7sus": (0, 5, 7, 10),
    "5": (0, 7),
    "dim": (0, 3, 6),
    "o7": (0, 3, 6, 9),
    "hd": (0, 3, 6, 10),
    "aug": (0, 4, 8),
}

# Chords as semitones above the tonic and a quality, one after another at the song's pace.
PROGRESSIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "pop": (
        ("major", "0 7 9m 5"),
        ("major", "9m 5 0 7"),
        ("major", "0 9m 5 7"),
        ("major", "0 4m 5 7"),
        ("major", "5 7 0 9m"),
        ("major", "0 5 9m 7"),
        ("major", "0 7 2m 5 0 7 5 7sus4"),
        ("major", "0 11dim 9m 7 5 0 2m 7"),
        ("major", "0add9 9m7 5M7 7sus4"),
        ("major", "0 5 5m 0"),
        ("minor", "0m 8 3 10"),
        ("minor", "0m 10 8 7"),
        ("minor", "0m 5m 8 7"),
        ("minor", "0m 3 10 5"),
        ("minor", "8 10 0m 0m"),
    ),
    "rock": (
        ("mixolydian", "0 10 5 0"),
        ("mixolydian", "0 5 10 5"),
        ("major", "0 5 7 5"),
        ("major", "0 5 0 7"),
        ("minor", "0m 10 8 10"),
        ("minor", "0m 8 10 0m"),
        ("dorian", "0m 5 0m 5"),
        ("major", "0 3 5 0"),
        ("major", "0 4 5 5m"),
        ("minor", "0m 3 5m 10"),
    ),
    "metal": (
        ("phrygian", "0m 1 0m 10m"),
        ("minor", "0m 8 10 0m"),
        ("minor", "0m 0m 3 1"),
        ("harmonic minor", "0m 8 5m 7"),
        ("minor", "0m 6dim 5m 3"),
        ("minor", "0m 10 8 6dim"),
        ("minor", "0m 0m 0m 10"),
    ),
    "blues": (
        ("blues", "07 57 07 07 57 57 07 07 77 57 07 77"),
        ("major blues", "07 07 07 07 57 57 07 07 77 57 07 07"),
        ("blues", "0m7 0m7 0m7 0m7 5m7 5m7 0m7 0m7 87 77 0m7 77"),
        ("major blues", "06 57 06 07 57 6o7 06 97 2m7 77 06 77"),
        ("blues", "07 07 57 77"),
        ("blues", "07 57 07 77"),
    ),
    "rag": (
        ("major", "0 97 27 7"),
        ("major", "0 0 7 7 7 7 0 0"),
        ("major", "0 0o7 77 77 77 27 77 0"),
        ("major", "5 6o7 0 97 27 77 0 0"),
        ("major", "0 47 97 27 77 77 0 7aug"),
        ("major", "0 07 5 5m 0 97 27 77"),
        ("minor", "0m 7 0m 7 0m 5m 77 0m"),
    ),
    "jazz": (
        ("major", "0M7 9m7 2m7 77"),
        ("major", "2m7 77 0M7 97"),
        ("major", "0M9 4m7 97b9 2m9 713"),
        ("major", "06 07 56 6o7 06 97 2m7 77"),
        ("minor", "0m6 2hd 77b9 0m6"),
        ("minor", "5m7 107 3M7 8M7 2hd 77 0m7 0m7"),
        ("dorian", "0m7 57 0m7 57"),
        ("major", "0M7 0M7 2m7 17 0M7 3m7 87 77"),
        ("major", "4m7 97 2m7 77 06 1013 06 77#9"),
    ),
    "latin": (
        ("minor", "0m 5m 7 0m"),
        ("major", "0 5 7 5"),
        ("harmonic minor", "0m 77 77 0m"),
        ("minor", "0m 10 8 7"),
        ("major", "0M7 0M7 27 27 2m7 17 0M7 77"),
        ("dorian", "0m7 57"),
        ("spanish", "0 1 3 1"),
        ("major", "06 97 2m7 77"),
    ),
    "functional": (
        ("major", "0 5 7 0"),
        ("major", "0 9m 2m 7 0 57 5 7"),
        ("major", "0 2m 77 0 9m 27 7 7"),
        ("major", "0 7 9m 4m 5 0 5 7"),
        ("harmonic minor", "0m 5m 7 0m"),
        ("harmonic minor", "0m 8 2dim 77 0m 3 5m 7"),
        ("harmonic minor", "0m 7 0m 5m 0m 8 7 7"),
        ("minor", "0m 5m 10 3 8 2dim 7 0m"),
        ("major", "0 6o7 7 0 07 5 77 0"),
        ("major", "0 8 10 0"),
        ("major", "0 3 8 7"),
        ("lydian", "0 2 0 2"),
        ("whole tone", "0aug 2aug 0aug 10aug"),
    ),
    "modal": (
        ("dorian", "0m 0m 10 10"),
        ("minor", "0m 0m 0m 0m"),
        ("phrygian", "0m 1 0m 1"),
        ("lydian", "0 2 0 2"),
        ("mixolydian", "0 0 10 0"),
        ("dorian", "0m9 0m9 5 5"),
        ("minor", "0m7 8M7 0m7 5m7"),
        ("minor pentatonic", "05 105 05 35"),
        ("minor", "0m 3 8 10"),
        ("pentatonic", "0sus2 5sus2 0sus2 7sus4"),
    ),
    "funk": (
        ("dorian", "0m7 0m7 0m7 59"),
        ("mixolydian", "09 09 09 09"),
        ("dorian", "0m7 57 0m7 57"),
        ("minor", "0m7 5m7 0m7 7m7"),
        ("minor", "5M7 4m7 2m7 0m7"),
        ("minor", "8M7 77#9 0m7 107"),
        ("blues", "07 07 57 07"),
    ),
    "folk": (
        ("major", "0 5 0 7"),
        ("major", "0 7 5 7"),
        ("major", "0 0 5 0 0 0 7 0"),
        ("mixolydian", "0 0 10 10"),
        ("dorian", "0m 10 0m 10"),
        ("minor", "0m 10 8 10"),
        ("major", "0 9m 5 7"),
    ),
}


@dataclass(frozen=True)
class Chord:
    """A chord: pitch class of its root, semitones of its tones above it, and the scale it is heard in."""

    root: int
    tones: tuple[int, ...]
    scale: tuple[int, ...]

    @property
    def classes(self) -> tuple[int, ...]:
        """Its pitch classes, root first."""
        return tuple((self.root + tone) % 12 for tone in self.tones)

    @property
    def fifth(self) -> int:
        """Semitones from the root to its fifth, be that perfect, diminished or augmented."""
        return next((tone for tone in self.tones if tone in (6, 7, 8)), 7)


def scale_of(key: int, mode: str, classes: tuple[int, ...]) -> tuple[int, ...]:
    """The mode's pitch classes, those that grate against the chord's own (`classes`) exchanged for them."""
    notes = {(key + step) % 12 for step in SCALES[mode]}
    for tone in set(classes) - notes:
        notes -= {near for near in ((tone - 1) % 12, (tone + 1) % 12) if near not in classes}
        notes.add(tone)
    return tuple(sorted(notes))


def chord_from(token: str, key: int, mode: str) -> Chord:
    """The chord of `token`: semitones above `key` and a quality, as in "97" or "10m7"."""
    digits = 2 if token[:2] in ("10", "11") else 1
    root = (key + int(token[:digits])) % 12
    tones = QUALITIES[token[digits:]]
    return Chord(root, tones, scale_of(key, mode, tuple((root + tone) % 12 for tone in tones)))


def diatonic_chord(degree: int, key: int, mode: str, size: int) -> Chord:
    """Thirds stacked on a degree of the mode: a chord of `size` tones."""
    steps = SCALES[mode] if len(SCALES[mode]) == 7 else SCALES["minor" if 3 in SCALES[mode] else "major"]
    heights = [steps[(degree + 2 * i) % 7] + 12 * ((degree + 2 * i) // 7) for i in range(size)]
    root = (key + heights[0]) % 12
    tones = tuple(height - heights[0] for height in heights)
    return Chord(root, tones, scale_of(key, mode, tuple((root + tone) % 12 for tone in tones)))


# Which degrees follow which, as in common practice; the walk ends nowhere in particular.
FOLLOWERS = ((3, 4, 5, 1, 2), (4, 6, 4), (5, 3), (4, 0, 1, 4), (0, 5, 0, 3), (1, 3, 4), (0, 2))


def chord_cycle(rng: np.random.Generator, family: str, key: int) -> tuple[str, list[Chord]]:
    """A mode and a cycle of chords in it: one of the family's, or a walk over the mode's own degrees."""
    if rng.random() < 0.2 and family not in ("blues", "rag"):
        mode = str(rng.choice(["major", "minor", "dorian", "mixolydian", "harmonic minor", "lydian"]))
        size = 4 if family in ("jazz", "funk") or rng.random() < 0.2 else 3
        degrees = [0]
        while len(degrees) < int(rng.choice([4, 4, 8])):
            degrees.append(int(rng.choice(FOLLOWERS[degrees[-1]])))
        return mode, [diatonic_chord(degree, key, mode, size) for degree in degrees]
    mode, tokens = PROGRESSIONS[family][int(rng.integers(len(PROGRESSIONS[family])))]
    return mode, [coloured(rng, chord_from(token, key, mode)) for token in tokens.split()]


def coloured(rng: np.random.Generator, chord: Chord) -> Chord:
    """The chord, now and then with a tone more than a triad."""
    if len(chord.tones) != 3 or rng.random() > 0.15:
        return chord
    seventh = 10 if (chord.root + 10) % 12 in chord.scale else 11
    added = int(rng.choice([seventh, 14, 9]))
    if (chord.root + added) % 12 not in chord.scale:
        return chord
    return Chord(chord.root, (*chord.tones, added), chord.scale)


def at_or_above(pitch_class: int, low: int) -> int:
    """The lowest key of that pitch class not below `low`."""
    return low + (pitch_class - low) % 12


def nearest(classes: tuple[int, ...], key: float, low: int, high: int) -> int:
    """The key in `low`..`high` nearest to `key` among these pitch classes (`key` itself where none fits)."""
    fitting = [k for k in range(low, high + 1) if k % 12 in classes]
    return min(fitting, key=lambda k: (abs(k - key), k)) if fitting else int(min(max(key, low), high))


def voicing(chord: Chord, low: int, high: int, voices: int, previous: list[int], opened: bool) -> list[int]:
    """Keys of the chord within `low`..`high`, led from `previous` with the least motion.

    An empty `previous` starts in the middle; `opened` spreads the voices (drop 2).
    """
    tones = sorted(k for k in range(low, high + 1) if k % 12 in chord.classes)
    stacks = [tones[i : i + voices] for i in range(max(1, len(tones) - voices + 1))]
    middle = float(np.mean(previous)) if previous else (low + high) / 2
    best = min(stacks, key=lambda keys: abs(float(np.mean(keys)) - middle) if keys else 99.0)
    if opened and len(best) >= 3 and best[-2] - 12 >= low:
        best = sorted([*best[:-2], best[-2] - 12, best[-1]])
    return best
