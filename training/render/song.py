"""One song as a folder of stems."""

from __future__ import annotations

import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np

from training.command import CommandError
from training.render.body import resized, restored
from training.render.computed import play_computed
from training.render.fading import faded
from training.render.stem_midi import split_by_stem
from training.render.synthesizer import play
from training.sound import write_sound
from training.stems import SAMPLE_RATE, STEMS, stem_path
from training.whole import whole_folder

# Of full scale; the loudest of the mixture and its stems is brought here.
PEAK = 0.9
# How far resonances move at most.
SEMITONES = 6


@dataclass(frozen=True)
class Variety:
    """How often a song sounds otherwise than its font alone would let it.

    Attributes:
        resized: the chance of each stem that its instruments are larger or smaller (`training.render.body`).
        computed: the chance that its bass is of no font (`training.render.computed`).
        faded: the chance that a bass of a font dies away sooner (`training.render.fading`).
        seed: of the collection and the song.
    """

    resized: float = 0.0
    computed: float = 0.0
    faded: float = 0.0
    seed: tuple[int, ...] = (0,)


def render_song(
    program: str, midi: Path, font: Path, song: Path, seconds: float | None, variety: Variety = Variety()
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
        CommandError: the file is no MIDI song, or the program failed.
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
    resized(part, semitones).save(scratch.with_suffix(".mid"))
    samples = play(program, scratch.with_suffix(".mid"), font, scratch.with_suffix(".wav"))
    samples = restored(samples, semitones)
    return varied_bass(samples, part, variety, rng) if STEMS[index] == "bass" else samples


def varied_bass(
    samples: np.ndarray, part: mido.MidiFile, variety: Variety, rng: np.random.Generator
) -> np.ndarray:
    """The bass, perhaps with an instrument of its own or shorter notes; as loud on the whole as before."""
    if rng.random() < variety.computed:
        made = play_computed(part, rng)
    elif rng.random() < variety.faded:
        made = faded(samples, part, rng)
    else:
        return samples
    return made * np.float32(power(samples) / max(1e-9, power(made)))


def power(samples: np.ndarray) -> float:
    """Root of the energy of a sound."""
    return float(np.sqrt(np.sum(np.square(samples, dtype=np.float64))))


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
