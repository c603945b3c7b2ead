"""The programs that turn a MIDI file into samples."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import mido
import numpy as np

from training.command import CommandError
from training.sound import read_sound
from training.stems import SAMPLE_RATE

# What one of them makes of a part of a stem with a song's font: float32 (samples, 2).
Font = Callable[[mido.MidiFile], np.ndarray]
# The program that plays a font, and the package of Debian that holds it. TiMidity++ plays collections of
# patches, named by a configuration file; FluidSynth plays sound fonts.
PATCHES = ".cfg"
FLUIDSYNTH, TIMIDITY = "fluidsynth", "timidity"
TITLES = {FLUIDSYNTH: "FluidSynth", TIMIDITY: "TiMidity++"}
# Seconds; a song of minutes takes some.
TIME_LIMIT = 600
# What it says and yet calls a success: the disk took only a part of the sound; it plays another font instead.
FULL_DISK = ("write error", "No space left on device", "File too large")
NO_FONT = ("not a SoundFont", "Failed to load", "Couldn't load instrument")


def find_synthesizer(font: Path) -> str:
    """The path of the program that plays `font`.

    Raises:
        CommandError: it is not installed.
    """
    name = TIMIDITY if font.suffix == PATCHES else FLUIDSYNTH
    program = shutil.which(name)
    if program is None:
        raise CommandError(f"{TITLES[name]} is not installed. On Debian: apt install {name}.")
    return program


def play(program: str, midi: Path, font: Path, wav: Path) -> np.ndarray:
    """Render one MIDI file.

    Args:
        program: what `find_synthesizer` found for the font.
        midi: what to play.
        font: the instruments.
        wav: a scratch file; left to the caller to remove.

    Returns:
        float32 (samples, 2) at 44.1 kHz; empty when nothing was played.

    Raises:
        CommandError: the program failed.
        OSError: the disk is full.
    """
    title = TITLES[Path(program).name]
    command = [program, *(patches if font.suffix == PATCHES else sound_font)(midi, font, wav)]
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIME_LIMIT
        )
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{title} took more than {TIME_LIMIT} s for {midi.name}.") from error
    if any(words in done.stdout for words in FULL_DISK) or done.returncode == -signal.SIGXFSZ:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(wav))
    if done.returncode != 0 or not wav.is_file() or any(words in done.stdout for words in NO_FONT):
        # TiMidity++ says first what is wrong, FluidSynth last.
        lines = done.stdout.strip().splitlines() or ["it gave no reason"]
        reason = lines[0 if font.suffix == PATCHES else -1]
        raise CommandError(f"{title} could not play {midi.name} with {font.name}: {reason}")
    return read_sound(wav)


def sound_font(midi: Path, font: Path, wav: Path) -> list[str]:
    """FluidSynth's arguments: 32-bit floats, so that nothing clips."""
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
    quiet = ["-ni", "-q", "-g", "0.3", "-r", str(SAMPLE_RATE)]
    return [*quiet, *options, "-F", str(wav), str(font), str(midi)]


def patches(midi: Path, font: Path, wav: Path) -> list[str]:
    """TiMidity++'s arguments: 24 bits and half the volume, as it clips; first silence stays.

    It loses a note of the very first tick where the note's channel changes its program later.
    """
    coding = ["-Ow", "--output-24bit", "--output-stereo", "-s", str(SAMPLE_RATE)]
    return [
        "-c",
        str(font),
        "-idqq",
        "-A50",
        "-p256",
        "--preserve-silence",
        *coding,
        "-o",
        str(wav),
        str(midi),
    ]
