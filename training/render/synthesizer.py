"""FluidSynth as a program that turns a MIDI file into samples."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np

from training.command import CommandError
from training.sound import read_sound
from training.stems import SAMPLE_RATE

PROGRAM = "fluidsynth"
# Seconds; a song of minutes takes some.
TIME_LIMIT = 600
# What it says and yet calls a success: the disk took only a part of the sound; it plays another font instead.
FULL_DISK = "write error"
NO_FONT = ("not a SoundFont", "Failed to load")


def find_synthesizer() -> str:
    """FluidSynth's path.

    Raises:
        CommandError: it is not installed.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise CommandError("FluidSynth is not installed. On Debian: apt install fluidsynth.")
    return program


def play(program: str, midi: Path, font: Path, wav: Path) -> np.ndarray:
    """Render one MIDI file.

    Args:
        program: FluidSynth.
        midi: what to play.
        font: the instruments.
        wav: a scratch file of 32-bit floats, so that nothing clips; left to the caller to remove.

    Returns:
        float32 (samples, 2) at 44.1 kHz; empty when nothing was played.

    Raises:
        CommandError: FluidSynth failed.
        OSError: the disk is full.
    """
    options = [
        "-o",
        "synth.dynamic-sample-loading=1",
        "-o",
        "synth.polyphony=512",
        "-O",
        "float",
        "-T",
        "wav",
    ]
    command = [
        program,
        "-ni",
        "-q",
        "-g",
        "0.3",
        "-r",
        str(SAMPLE_RATE),
        *options,
        "-F",
        str(wav),
        str(font),
        str(midi),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"FluidSynth took more than {TIME_LIMIT} s for {midi.name}.") from error
    if FULL_DISK in done.stderr or done.returncode == -signal.SIGXFSZ:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(wav))
    if done.returncode != 0 or not wav.is_file() or any(words in done.stderr for words in NO_FONT):
        reason = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        raise CommandError(f"FluidSynth could not play {midi.name} with {font.name}: {reason}")
    return read_sound(wav)
