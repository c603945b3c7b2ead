"""One song as a folder of stems."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import mido
import numpy as np

from training.command import CommandError
from training.render.body import resized, restored
from training.render.stem_midi import split_by_stem
from training.render.synthesizer import play
from training.render.variety import Variety, varied_bass, varied_others
from training.sound import write_sound
from training.stems import SAMPLE_RATE, STEMS, stem_path
from training.whole import whole_folder

# Of full scale; the loudest of the mixture and its stems is brought here.
PEAK = 0.9
# How far resonances move at most.
SEMITONES = 6
NONE = Variety()


def render_song(
    program: str, midi: Path, font: Path, song: Path, seconds: float | None, variety: Variety = NONE
) -> None:
    """Render a MIDI file into a new folder with a WAV file for each stem (16 bit, stereo, 44.1 kHz).

    The stems are equally long and add up to the mixture; one gain brings the loudest sample of all to 0.9.
    The same arguments make the same song.

    Args:
        program: what plays the font.
        midi: a General MIDI song.
        font: the instruments.
        song: the folder to make.
        seconds: longest length; None keeps the whole.
        variety: none, if not told.

    Raises:
        CommandError: the file is no MIDI song, the program failed, or a recording is no sound.
        OSError: a file cannot be read or written.
    """
    content = io.BytesIO(midi.read_bytes())
    try:
        parts = split_by_stem(mido.MidiFile(file=content, clip=True))
    except (OSError, ValueError, EOFError, LookupError, TypeError) as error:
        raise CommandError(f"{midi.name} is not a MIDI file that can be read.") from error
    with whole_folder(song) as folder:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            heard = {
                stem: played(program, part, font, Path(scratch, stem), variety, index)
                for index, (stem, part) in enumerate(parts.items())
            }
        for stem, samples in level(cut(heard, seconds)).items():
            write_sound(stem_path(folder, stem), samples, format="WAV", subtype="PCM_16")


def played(
    program: str, part: mido.MidiFile, font: Path, scratch: Path, variety: Variety, index: int
) -> np.ndarray:
    """One stem, float32 (samples, 2), as loud as the font plays it.

    Args:
        scratch: path without an extension, for files that the caller removes.
        index: which of the stems.
    """
    rng = np.random.default_rng((*variety.seed, index))
    semitones = int(rng.integers(-SEMITONES, SEMITONES + 1)) if rng.random() < variety.resized else 0

    def by_font(notes: mido.MidiFile) -> np.ndarray:
        resized(notes, semitones).save(scratch.with_suffix(".mid"))
        samples = play(program, scratch.with_suffix(".mid"), font, scratch.with_suffix(".wav"))
        return restored(samples, semitones)

    match STEMS[index]:
        case "bass":
            return varied_bass(by_font, part, variety, rng)
        case "other":
            return varied_others(by_font, part, variety, rng)
        case _:
            return by_font(part)


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
