"""The same notes from a larger or smaller body: an instrument's resonances moved, its pitch kept."""

from __future__ import annotations

import mido
import numpy as np
import soxr

from training.render.stem_midi import DRUM_CHANNEL
from training.stems import SAMPLE_RATE

# MIDI's own, where a file sets none: 120 quarter notes a minute.
TEMPO = 500_000


def resized(part: mido.MidiFile, semitones: int) -> mido.MidiFile:
    """A part to be played higher and faster (lower and slower where `semitones` is negative).

    `restored` brings what is played back to pitch and tempo: then the resonances have moved down (up) by as
    much, as those of a larger (smaller) instrument. A drum has no pitch to keep: it becomes lower (higher).

    Args:
        part: a file of type 0; notes that leave MIDI's range stay within it by octaves.
        semitones: how far; 0 changes nothing.
    """
    made = mido.MidiFile(type=0, ticks_per_beat=part.ticks_per_beat, charset=part.charset)
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=TEMPO), *part.tracks[0]])
    made.tracks.append(mido.MidiTrack(moved(message, semitones) for message in track))
    return made


def moved(message: mido.Message | mido.MetaMessage, semitones: int) -> mido.Message | mido.MetaMessage:
    """One message of it."""
    if message.type == "set_tempo":
        return message.copy(tempo=min(0xFFFFFF, max(1, round(message.tempo / 2 ** (semitones / 12)))))
    if message.type in ("note_on", "note_off") and message.channel != DRUM_CHANNEL:
        key = message.note + semitones
        return message.copy(note=key % 12 if key < 0 else 127 - (127 - key) % 12 if key > 127 else key)
    return message


def restored(samples: np.ndarray, semitones: int) -> np.ndarray:
    """What was played of a `resized` part, float32 (samples, 2), at its pitch and tempo."""
    if semitones == 0:
        return samples
    return soxr.resample(samples, SAMPLE_RATE, SAMPLE_RATE * 2 ** (semitones / 12), quality="HQ")
