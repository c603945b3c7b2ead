"""Sound files: read with a sentence for what is wrong, written through memory so that a full disk is seen."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from training.command import CommandError
from training.stems import SAMPLE_RATE, STEMS, stem_path


@contextmanager
def opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """A sound file to read from.

    Raises:
        CommandError: it is none, or breaks off.
        OSError: it cannot be read.
    """
    with open(path, "rb"):
        pass
    try:
        with soundfile.SoundFile(path) as file:
            yield file
    except soundfile.LibsndfileError as error:
        raise CommandError(f"{path} cannot be read as sound: {error.error_string}") from error


def read_sound(path: Path) -> np.ndarray:
    """All of a file: float32 (samples, channels)."""
    with opened(path) as file:
        return file.read(dtype="float32", always_2d=True)


def write_sound(path: Path, samples: np.ndarray, **options: Any) -> None:
    """Write samples (samples, channels) at 44.1 kHz; `options` are those of `soundfile.write`.

    Raises:
        OSError: it cannot be written; libsndfile itself would not tell a full disk from other errors.
    """
    coded = io.BytesIO()
    soundfile.write(coded, samples, SAMPLE_RATE, **options)
    path.write_bytes(coded.getbuffer())


def length_of(song: Path) -> int:
    """How many samples each stem of a song has.

    Raises:
        CommandError: the stems are not equally long, or not stereo at 44.1 kHz.
    """
    lengths = set()
    for stem in STEMS:
        with opened(stem_path(song, stem)) as file:
            if (file.samplerate, file.channels) != (SAMPLE_RATE, 2):
                raise CommandError(f"{file.name} is not stereo at {SAMPLE_RATE} Hz.")
            lengths.add(file.frames)
    if len(lengths) != 1:
        raise CommandError(f"The stems of {song} are not equally long.")
    return lengths.pop()
