"""A MIDI file cut into one file for each stem."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import mido

from training.stems import STEMS

DRUM_CHANNEL = 9
# General MIDI's family of basses, counted from 0.
BASS_PROGRAMS = range(32, 40)


def split_by_stem(song: mido.MidiFile) -> dict[str, mido.MidiFile]:
    """Give every note of a General MIDI song to the stem it belongs to.

    Notes of channel 10 are drums; notes of a channel that plays a program of the bass family (33 to 40, as
    musicians count) are bass; all others are other. A note ends in the stem it began in, whatever the
    channel plays by then. Tempo, programs and controllers stand in every file.

    Args:
        song: a file of type 0 or 1.

    Returns:
        A file of type 0 for each of the three stems; all last equally long.
    """
    tracks = {stem: mido.MidiTrack() for stem in STEMS}
    last = dict.fromkeys(STEMS, 0)
    for tick, message, stems in assigned(song):
        for stem in stems:
            tracks[stem].append(message.copy(time=tick - last[stem]))
            last[stem] = tick
    files = {}
    for stem, track in tracks.items():
        files[stem] = mido.MidiFile(type=0, ticks_per_beat=song.ticks_per_beat, charset=song.charset)
        files[stem].tracks.append(track)
    return files


def assigned(song: mido.MidiFile) -> Iterator[tuple[int, mido.Message | mido.MetaMessage, tuple[str, ...]]]:
    """Every message with its tick and the stems that need it."""
    programs: dict[int, int] = defaultdict(int)
    sounding: dict[tuple[int, int], list[str]] = defaultdict(list)
    tick = 0
    for message in mido.merge_tracks(song.tracks):
        tick += message.time
        if message.type == "program_change":
            programs[message.channel] = message.program
        if message.type == "note_on" and message.velocity > 0:
            stem = stem_of(message.channel, programs[message.channel])
            sounding[message.channel, message.note].append(stem)
            yield tick, message, (stem,)
        elif message.type in ("note_on", "note_off"):
            begun = sounding[message.channel, message.note]
            if begun:
                yield tick, message, (begun.pop(0),)
        else:
            yield tick, message, STEMS


def stem_of(channel: int, program: int) -> str:
    """The stem of a note."""
    if channel == DRUM_CHANNEL:
        return "drums"
    return "bass" if program in BASS_PROGRAMS else "other"
