"""A part played by a plucked instrument made as large as a bass: its strings longer, its body larger."""

from __future__ import annotations

import mido
import numpy as np

from training.render.body import resized, restored
from training.render.channels import channels_of
from training.render.synthesizer import Font

# General MIDI's guitars that are not distorted, pizzicato strings, harp, dulcimer, sitar, banjo, shamisen and
# koto; what most fonts hold recordings of stands there twice.
PLUCKED = (24, 24, 25, 25, 26, 27, 28, 45, 45, 46, 46, 15, 104, 105, 106, 107)
# Semitones; the strings of a guitar are an octave above those of a bass. The least is more than what
# `--resized` moves the others by, so that no size stands for a bass here and for a low guitar there.
LEAST, MOST = 7, 19


def enlarged(font: Font, part: mido.MidiFile, rng: np.random.Generator) -> np.ndarray:
    """Let a plucked instrument of the font play a part.

    Args:
        font: what plays it.
        part: its notes.
        rng: which instrument, and by how many semitones it is made larger.

    Returns:
        float32 (samples, 2) at 44.1 kHz.
    """
    program = int(rng.choice(PLUCKED))
    semitones = int(rng.integers(LEAST, MOST + 1))
    return restored(font(resized(given_to(program, part), semitones)), semitones)


def given_to(program: int, part: mido.MidiFile) -> mido.MidiFile:
    """The part with another instrument for all of its channels, those that name none, too."""
    named = {message.channel for message in part.tracks[0] if message.type == "program_change"}
    made = mido.MidiFile(type=0, ticks_per_beat=part.ticks_per_beat, charset=part.charset)
    track = mido.MidiTrack(
        mido.Message("program_change", channel=channel, program=program)
        for channel in channels_of(part)
        if channel not in named
    )
    for message in part.tracks[0]:
        track.append(message.copy(program=program) if message.type == "program_change" else message)
    made.tracks.append(track)
    return made
