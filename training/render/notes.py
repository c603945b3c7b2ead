"""The notes of a MIDI part, in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import mido

# Seconds; no note is taken for longer: what plays it holds it in memory.
LONGEST = 30.0


@dataclass(frozen=True)
class Note:
    """A note of a part: seconds, semitones (69 is 440 Hz) and MIDI velocity."""

    start: float
    end: float
    key: float
    velocity: int


def notes_of(part: mido.MidiFile) -> Iterator[Note]:
    """The notes in the order they end in; one keeps the bend that it began with."""
    begun: dict[tuple[int, int], list[tuple[float, float, int]]] = {}
    bends: dict[int, float] = {}
    now = 0.0
    for message in part:
        now += message.time
        if message.type == "pitchwheel":
            bends[message.channel] = message.pitch / 4096
        elif message.type == "note_on" and message.velocity > 0:
            key = message.note + bends.get(message.channel, 0.0)
            begun.setdefault((message.channel, message.note), []).append((now, key, message.velocity))
        elif message.type in ("note_on", "note_off") and begun.get((message.channel, message.note)):
            start, key, velocity = begun[message.channel, message.note].pop(0)
            yield Note(start, min(now, start + LONGEST), key, velocity)
