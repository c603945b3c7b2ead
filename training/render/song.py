"""One song as a folder of stems."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import mido
import numpy as np

from training.command import CommandError
from training.render.stem_midi import split_by_stem
from training.render.synthesizer import play
from training.sound import write_sound
from training.stems import SAMPLE_RATE, stem_path
from training.whole import whole_folder

# Of full scale; the loudest of the mixture and its stems is brought here.
PEAK = 0.9


def render_song(program: str, midi: Path, font: Path, song: Path, seconds: float | None) -> None:
    """Render a MIDI file into a new folder with a WAV file for each stem (16 bit, stereo, 44.1 kHz).

    The stems are equally long and add up to the mixture; one gain brings the loudest sample of all to 0.9.

    Args:
        program: FluidSynth.
        midi: a General MIDI song.
        font: the instruments.
        song: the folder to make.
        seconds: longest length; None keeps the whole.

    Raises:
        CommandError: the file is no MIDI song, or FluidSynth failed.
        OSError: a file cannot be read or written.
    """
    content = io.BytesIO(midi.read_bytes())
    try:
        parts = split_by_stem(mido.MidiFile(file=content, clip=True))
    except (OSError, ValueError, EOFError, LookupError, TypeError) as error:
        raise CommandError(f"{midi.name} is not a MIDI file that can be read.") from error
    with whole_folder(song) as folder:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            heard = {}
            for stem, part in parts.items():
                part.save(Path(scratch, f"{stem}.mid"))
                heard[stem] = play(program, Path(scratch, f"{stem}.mid"), font, Path(scratch, f"{stem}.wav"))
        for stem, samples in level(cut(heard, seconds)).items():
            write_sound(stem_path(folder, stem), samples, format="WAV", subtype="PCM_16")


def cut(heard: dict[str, np.ndarray], seconds: float | None) -> dict[str, np.ndarray]:
    """The stems at one length: the longest's, if that is not above `seconds`."""
    length = max(len(samples) for samples in heard.values())
    if seconds is not None:
        length = min(length, round(seconds * SAMPLE_RATE))
    return {
        stem: np.pad(samples[:length], ((0, max(0, length - len(samples))), (0, 0)))
        for stem, samples in heard.items()
    }


def level(heard: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The stems with the gain that lets neither them nor their sum clip."""
    loudest = max(float(np.abs(samples).max(initial=0)) for samples in (*heard.values(), sum(heard.values())))
    gain = PEAK / loudest if loudest > 0 else 1.0
    return {stem: samples * np.float32(gain) for stem, samples in heard.items()}
