"""The levels of a mixture that lies in a file."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
from msst.utils.audio_utils import normalize_audio

from python_worker.engine.mixture.mixture_file import MixtureFile
from python_worker.engine.mixture.mixture_levels import levels_of

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("one_thread")]


@pytest.mark.parametrize("samples", [1, 7, 129, 100_003, (1 << 22) + 1, 13_000_001])
@pytest.mark.parametrize("loudness", [0.3, 0.0])
def test_mean_and_deviation_are_those_of_the_whole_to_the_last_bit(
    tmp_path: Path, samples: int, loudness: float
) -> None:
    random = numpy.random.default_rng(samples)
    audio = (loudness * random.standard_normal((2, samples)) + loudness / 7).astype(numpy.float32)
    expected, parameters = normalize_audio(audio)
    file = (tmp_path / "mixture").open("w+b")
    file.write(numpy.ascontiguousarray(audio.T).tobytes())
    with MixtureFile(file, samples, 2) as whole:
        levels = levels_of(whole)
    normalized, given = levels.normalize(audio)
    assert given == parameters
    assert numpy.array_equal(normalized, expected)
