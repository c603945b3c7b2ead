"""A part of a song's stems."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.sound import length_of, opened
from training.stems import STEMS, stem_path


def middle_of(song: Path, samples: int) -> np.ndarray:
    """The stems at the middle of a song: float32 (stems, 2, `samples`), or all of a shorter song."""
    targets = []
    length = length_of(song)
    wanted = min(length, samples)
    for stem in STEMS:
        with opened(stem_path(song, stem)) as file:
            file.seek((length - wanted) // 2)
            targets.append(file.read(wanted, dtype="float32", always_2d=True).T)
    return np.stack(targets)
