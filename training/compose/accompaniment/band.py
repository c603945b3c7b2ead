"""What MMA makes of a chart, as tracks of a MIDI file of ours."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import mido
import numpy as np

from training.command import CommandError
from training.compose.accompaniment.grooves import NOT_INSTALLED
from training.compose.midi_file import TICKS
from training.compose.programs import ANY_BASS
from training.compose.score import DRUM_CHANNEL

PROGRAM = "mma"
# Seconds; a song takes less than one.
TIME_LIMIT = 120
# Tracks that MMA lets play the bass, on whatever instrument its library tells.
BASS = re.compile(r"bass|walk", re.IGNORECASE)
# Pianos, guitars and basses: what plays the bass of a band.
BAND = range(40)


def played_by_band(rng: np.random.Generator, chart: str, end: float) -> list[mido.MidiTrack]:
    """The tracks of a chart; nothing in them sounds after the end.

    The library has some basses played by guitars or pianos: they get one of General MIDI's basses, for they
    are the bass of the song. Other instruments change now and then within their family.

    Args:
        rng: where chance comes from.
        chart: what to play (`training.compose.accompaniment.chart`).
        end: of the song, in quarter notes.

    Raises:
        CommandError: MMA is not installed, or cannot play it.
    """
    tracks = []
    for track in compiled(chart):
        if not any(message.type == "note_on" for message in track):
            continue
        programs = {message.program for message in track if message.type == "program_change"}
        chosen = {program: instrument(rng, track.name, program) for program in sorted(programs)}
        tracks.append(cut(track, chosen, round(end * TICKS)))
    return tracks


def compiled(chart: str) -> list[mido.MidiTrack]:
    """What MMA writes, in our ticks."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise CommandError(NOT_INSTALLED)
    with tempfile.TemporaryDirectory() as folder:
        song, made = Path(folder, "song.mma"), Path(folder, "song.mid")
        song.write_text(chart, "ascii")
        command = [program, "-w", "-f", made.name, song.name]
        try:
            ended = subprocess.run(
                command, capture_output=True, timeout=TIME_LIMIT, check=False, cwd=folder, text=True
            )
        except subprocess.TimeoutExpired:
            raise CommandError(f"{PROGRAM} took more than {TIME_LIMIT} seconds for a song.") from None
        if ended.returncode or not made.exists():
            said = " ".join(ended.stdout.split()).rpartition("Error: ")[2]
            raise CommandError(f"{PROGRAM} could not play a song: {said or ended.returncode}")
        file = mido.MidiFile(made)
    for track in file.tracks:
        now = scaled = 0
        for message in track:
            now += message.time
            message.time = round(now * TICKS / file.ticks_per_beat) - scaled
            scaled += message.time
    return file.tracks


def instrument(rng: np.random.Generator, name: str, program: int) -> int:
    """What plays a track that MMA has a program play."""
    if BASS.match(name) and program in BAND:
        return program if program in ANY_BASS and rng.random() < 0.6 else int(rng.choice(ANY_BASS))
    return program // 8 * 8 + int(rng.integers(8)) if rng.random() < 0.3 else program


def cut(track: mido.MidiTrack, programs: dict[int, int], end: int) -> mido.MidiTrack:
    """A track with other programs, its notes and channel's settings only, silent from a tick on."""
    kept = mido.MidiTrack([mido.MetaMessage("track_name", name=track.name)])
    now = last = 0
    channels = set()
    for message in track:
        now += message.time
        if message.is_meta or message.type == "sysex" or now >= end:
            continue
        channels.add(message.channel)
        changed = message.copy(time=now - last)
        if message.type == "program_change" and message.channel != DRUM_CHANNEL:
            changed.program = programs[message.program]
        kept.append(changed)
        last = now
    for channel in sorted(channels):
        silence = mido.Message("control_change", channel=channel, control=123, value=0, time=end - last)
        kept.append(silence)
        last = end
    return kept
