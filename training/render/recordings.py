"""A folder of instruments recorded note by note: `bass/an-instrument/E1.mp3`, `other/another-one/Fs3.wav`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from training.command import CommandError

# A note's letter, perhaps `s` or `#` for a sharp or `b` for a flat, and its octave: A4 is 440 Hz.
NOTE = re.compile(r"([A-G])([s#b]?)(-?\d)")
LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SIGNS = {"": 0, "s": 1, "#": 1, "b": -1}
KINDS = (".mp3", ".wav", ".flac", ".ogg")
# Semitones; how far from an instrument's own notes it is played.
REACH = 12


@dataclass(frozen=True)
class Instrument:
    """A recorded instrument.

    Attributes:
        notes: the MIDI key and the file of each recording, lowest first.
    """

    notes: tuple[tuple[int, Path], ...]

    def reaches(self, key: float) -> bool:
        """Whether a key is at most an octave from its notes."""
        return self.notes[0][0] - REACH <= key <= self.notes[-1][0] + REACH


@dataclass(frozen=True)
class Instruments:
    """What may play a part of each stem."""

    bass: tuple[Instrument, ...] = ()
    other: tuple[Instrument, ...] = ()


NO_INSTRUMENTS = Instruments()


def find_instruments(folder: Path) -> Instruments:
    """The instruments of a folder, by name; files whose names are no notes are left out.

    Raises:
        CommandError: there is none.
        OSError: a folder cannot be read.
    """
    found = Instruments(instruments_in(folder / "bass"), instruments_in(folder / "other"))
    if found == NO_INSTRUMENTS:
        raise CommandError(
            f"{folder} holds no recorded instrument. "
            "Give a folder of files like bass/an-instrument/E1.mp3 and other/another-one/Fs3.wav."
        )
    return found


def instruments_in(folder: Path) -> tuple[Instrument, ...]:
    """The instruments of one stem."""
    found = [notes_in(each) for each in sorted(folder.iterdir()) if each.is_dir()] if folder.is_dir() else []
    return tuple(Instrument(notes) for notes in found if notes)


def notes_in(folder: Path) -> tuple[tuple[int, Path], ...]:
    """The recordings of one instrument, lowest first."""
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in KINDS]
    named = [(NOTE.fullmatch(path.stem), path.resolve()) for path in paths]
    return tuple(sorted((key_of(name), path) for name, path in named if name))


def key_of(name: re.Match[str]) -> int:
    """The MIDI key of a note's name."""
    return 12 * (int(name[3]) + 1) + LETTERS[name[1]] + SIGNS[name[2]]
