"""A tune of two notes, and what it has to sound like."""

from __future__ import annotations

import mido
import numpy as np
import pytest
from architectures import RATE

# Seconds and keys of the notes of `tune`.
STARTS, KEYS = (0.5, 1.5), (45, 52)


def tune(program: int, *, channel: int = 0) -> mido.MidiFile:
    """Two notes of half a second, and silence until 2.5 s; 120 quarter notes a minute, as without a tempo."""
    song = mido.MidiFile(type=0, ticks_per_beat=480)
    track = mido.MidiTrack([mido.Message("program_change", channel=channel, program=program)])
    for key in KEYS:
        track.append(mido.Message("note_on", channel=channel, note=key, velocity=100, time=480))
        track.append(mido.Message("note_off", channel=channel, note=key, time=480))
    track.append(mido.MetaMessage("end_of_track", time=480))
    song.tracks.append(track)
    return song


def pitch(sound: np.ndarray, near: float) -> float:
    """The frequency in Hz whose multiples are strongest, within a third of an octave of `near`."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 1 << 18))
    found = np.geomspace(near * 0.8, near * 1.25, 600)
    places = np.outer(found, np.arange(1, 9)) * (1 << 18) / RATE
    return float(found[np.log(spectrum[places.round().astype(int)] + 1e-9).sum(1).argmax()])


def assert_tune(sound: np.ndarray) -> None:
    """Silence first, then each note at its time, at its pitch."""
    loudest = np.abs(sound).max()
    assert loudest > 0.001
    for start, key in zip(STARTS, KEYS, strict=True):
        begin = round(start * RATE)
        assert np.abs(sound[begin - 4000 : begin - 300]).max() < 0.25 * loudest
        assert np.abs(sound[begin : begin + 8000]).max() > 0.2 * loudest
        frequency = 440 * 2 ** ((key - 69) / 12)
        assert pitch(sound[begin + 2000 : begin + 18_000], frequency) == pytest.approx(frequency, rel=0.02)
    assert np.abs(sound[: round(0.48 * RATE)]).max() < 0.001 * loudest
