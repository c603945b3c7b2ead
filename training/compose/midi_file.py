"""A composed song written as a standard MIDI file: tempo and metre first, then a track for each part."""

from __future__ import annotations

from dataclasses import dataclass

import mido
import numpy as np

from training.compose.score import DRUM_CHANNEL, Meter, Part

TICKS = 480
BEND_RANGE = 2.0


@dataclass(frozen=True)
class Tempo:
    """The song's pace: its metre and (quarter notes, quarters per minute) of every change."""

    meter: Meter
    changes: tuple[tuple[float, float], ...]


Timed = tuple[int, int, int, mido.Message]


def midi_file(parts: list[Part], tempo: Tempo, end: float) -> mido.MidiFile:
    """The MIDI file (SMF type 1) of these parts.

    Args:
        parts: at most 15 beside the drums; times in quarter notes.
        tempo: metre and pace.
        end: where the song ends, in quarter notes; no note sounds after it.
    """
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS)
    file.tracks.append(conductor(tempo, end))
    free = [channel for channel in range(16) if channel != DRUM_CHANNEL]
    for part in parts:
        channel = DRUM_CHANNEL if part.stem == "drums" else free.pop(0)
        file.tracks.append(track(part, channel, end))
    return file


def ticks(beat: float) -> int:
    """Quarter notes in ticks, never before the start."""
    return max(0, round(beat * TICKS))


def conductor(tempo: Tempo, end: float) -> mido.MidiTrack:
    """The first track: metre and tempo."""
    made = mido.MidiTrack()
    meter = tempo.meter
    made.append(mido.MetaMessage("time_signature", numerator=meter.numerator, denominator=meter.denominator))
    now = 0
    for beat, bpm in tempo.changes:
        made.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(bpm), time=ticks(beat) - now))
        now = ticks(beat)
    made.append(mido.MetaMessage("end_of_track", time=max(0, ticks(end) - now)))
    return made


def track(part: Part, channel: int, end: float) -> mido.MidiTrack:
    """A part's track: its programme and controllers, its notes, and all notes off at the end."""
    made = mido.MidiTrack()
    made.append(mido.MetaMessage("track_name", name=part.name))
    made.append(mido.Message("program_change", channel=channel, program=part.program))
    events = [*note_events(part, channel, end), *control_events(part, channel, end)]
    events.append((ticks(end), 3, 0, mido.Message("control_change", channel=channel, control=123, value=0)))
    now = 0
    for at, _, _, message in sorted(events, key=lambda event: event[:3]):
        made.append(message.copy(time=at - now))
        now = at
    made.append(mido.MetaMessage("end_of_track"))
    return made


def note_events(part: Part, channel: int, end: float) -> list[Timed]:
    """Every note's start and end; one that sounds when its key is struck again is ended first."""
    events: list[Timed] = []
    by_key: dict[int, list[tuple[int, int, int]]] = {}
    for note in part.notes:
        start, stop = ticks(note.start), min(ticks(note.start + note.length), ticks(end))
        key, velocity = int(np.clip(note.key, 0, 127)), int(np.clip(round(note.velocity), 1, 127))
        if start < stop:
            by_key.setdefault(key, []).append((start, stop, velocity))
    for key, struck in by_key.items():
        struck.sort()
        for i, (start, stop, velocity) in enumerate(struck):
            if i + 1 < len(struck):
                stop = min(stop, struck[i + 1][0])
            if start < stop:
                on = mido.Message("note_on", channel=channel, note=key, velocity=velocity)
                off = mido.Message("note_off", channel=channel, note=key, velocity=0)
                events += [(start, 2, key, on), (stop, 0, key, off)]
    return events


def control_events(part: Part, channel: int, end: float) -> list[Timed]:
    """The part's controllers, bends and changes of programme, those past the end left out."""
    events: list[Timed] = []
    for beat, control, value in part.controls:
        message = mido.Message(
            "control_change", channel=channel, control=control, value=int(np.clip(value, 0, 127))
        )
        events.append((ticks(beat), 1, control, message))
    for beat, semitones in part.bends:
        pitch = int(np.clip(semitones / BEND_RANGE * 8192, -8192, 8191))
        events.append((ticks(beat), 1, 200, mido.Message("pitchwheel", channel=channel, pitch=pitch)))
    for beat, program in part.programs:
        message = mido.Message("program_change", channel=channel, program=program)
        events.append((ticks(beat), 1, 0, message))
    return [event for event in events if event[0] <= ticks(end)]
