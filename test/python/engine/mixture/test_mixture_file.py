"""A long mixture is decoded to a file."""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy
import pytest
import soundfile
from separating import RATE, mixture

from python_worker.engine.mixture.mixture_file import decode_to_file

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("one_thread")]


@pytest.mark.parametrize("rate", [44100, 48000, 8000])
@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3"])
def test_a_mixture_is_decoded_block_by_block_as_librosa_decodes_it_at_once(
    tmp_path: Path, rate: int, suffix: str
) -> None:
    path, sound = tmp_path / f"song.{suffix}", soundfile.read(mixture(tmp_path / "a.wav", 15.0, rate=rate))[0]
    soundfile.write(path, sound, rate)
    expected, _ = librosa.load(path, sr=RATE, mono=False)
    with (
        soundfile.SoundFile(path) as source,
        decode_to_file(source, RATE, tmp_path / "decoded", lambda block: block, 15.0) as decoded,
    ):
        got = decoded.read(0, decoded.samples)
    assert got.shape == expected.shape
    assert numpy.abs(got - expected).max() <= (1e-6 if suffix == "mp3" else 0.0)
