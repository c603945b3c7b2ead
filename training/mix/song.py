"""One version of a song."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.mix.effects import change_speed, damage, equalise, place, reverberate, saturate
from training.render.song import level
from training.sound import length_of, read_sound, write_sound
from training.stems import STEMS, stem_path
from training.whole import whole_folder

# How likely a stem meets an effect.
EFFECTS = ((equalise, 0.5), (saturate, 0.2), (reverberate, 0.3), (place, 0.4))
SEMITONES = 3.0


def mix_song(rendered: Path, mixed: Path, seed: tuple[int, int, int], plain: float, damaged: float) -> None:
    """Make a new folder of stems from a rendered one.

    Stems are changed one by one, so that they still add up to the mixture; speed and lossy coding are the
    same for all of a song. The same seed makes the same song.

    Args:
        rendered: a folder of stems.
        mixed: the folder to make.
        seed: of the collection, the song and the version.
        plain: the chance that a song stays as it was rendered.
        damaged: the chance that a song goes through an MP3 encoder.

    Raises:
        CommandError: the stems are no sounds that fit one another.
        OSError: a file cannot be read or written.
    """
    rng = np.random.default_rng(seed)
    length_of(rendered)
    stems = {stem: read_sound(stem_path(rendered, stem)) for stem in STEMS}
    if rng.random() >= plain:
        stems = produced(stems, rng)
    if rng.random() < damaged:
        quality = float(rng.uniform(0.3, 0.9))
        stems = {stem: damage(samples, quality) for stem, samples in stems.items()}
    with whole_folder(mixed) as folder:
        for stem, samples in level(stems).items():
            write_sound(stem_path(folder, stem), samples, format="WAV", subtype="PCM_16")


def produced(stems: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The stems with effects, at new levels and another speed."""
    factor = float(2 ** (rng.uniform(-SEMITONES, SEMITONES) / 12)) if rng.random() < 0.5 else 1.0
    changed = {}
    for stem, samples in stems.items():
        if factor != 1:
            samples = change_speed(samples, factor)
        for effect, chance in EFFECTS:
            if rng.random() < chance:
                samples = effect(samples, rng)
        changed[stem] = samples * np.float32(10 ** (rng.uniform(-5, 5) / 20))
    return changed
