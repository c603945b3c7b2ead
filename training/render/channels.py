"""A MIDI part cut by the channels that play it."""

from __future__ import annotations

import mido


def channels_of(part: mido.MidiFile) -> list[int]:
    """The channels that play a note, in their order."""
    return sorted({message.channel for message in part if message.type == "note_on" and message.velocity > 0})


def of_channels(part: mido.MidiFile, channels: list[int]) -> mido.MidiFile:
    """A part of type 0 with the notes of some of its channels only; it lasts as long, all else stays."""
    made = mido.MidiFile(type=0, ticks_per_beat=part.ticks_per_beat, charset=part.charset)
    track = mido.MidiTrack()
    skipped = 0
    for message in part.tracks[0]:
        if message.type in ("note_on", "note_off") and message.channel not in channels:
            skipped += message.time
        else:
            track.append(message.copy(time=message.time + skipped))
            skipped = 0
    if skipped:
        track.append(mido.MetaMessage("end_of_track", time=skipped))
    made.tracks.append(track)
    return made
