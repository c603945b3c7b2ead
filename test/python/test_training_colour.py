"""The equaliser of chance: what it changes of a stem while a network learns, and what it leaves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from recipe import TINY, noise_songs, tiny_config

from training.train.__main__ import main as train
from training.train.colour import FURTHEST, curve, recoloured
from training.train.examples import Examples, open_songs

pytestmark = pytest.mark.filterwarnings("ignore")
RATE = 44_100


def noise(samples: int = 2**16) -> np.ndarray:
    return np.random.default_rng(3).standard_normal((2, samples)).astype("f4")


def gain_of(heard: np.ndarray, sound: np.ndarray) -> np.ndarray:
    """What became of each frequency."""
    return np.abs(np.fft.rfft(heard)) / np.abs(np.fft.rfft(sound))


@pytest.mark.parametrize("seed", range(5))
def test_a_stem_is_as_loud_as_before_and_of_another_colour(seed: int) -> None:
    sound = noise()
    heard = recoloured(sound, np.random.default_rng(seed))
    assert (heard.shape, heard.dtype) == (sound.shape, np.float32)
    assert np.square(heard).sum() == pytest.approx(np.square(sound).sum(), rel=1e-3)
    decibels = 20 * np.log10(gain_of(heard, sound)[0, 100:-100])
    assert decibels.max() - decibels.min() > 2


def test_both_sides_get_the_same_curve_which_bends_slowly_and_moves_no_phase() -> None:
    sound = noise()
    heard = recoloured(sound, np.random.default_rng(1))
    gains = gain_of(heard, sound)
    assert np.allclose(gains[0, 1:], gains[1, 1:], rtol=1e-2)
    # Neighbouring harmonics of a low note, 40 Hz apart, stay alike above a few hundred Hz.
    apart = round(40 / (RATE / sound.shape[-1]))
    first = round(400 / (RATE / sound.shape[-1]))
    steps = 20 * np.log10(gains[0, first + apart :] / gains[0, first:-apart])
    assert np.abs(steps[: -2 * apart]).max() < 4
    turned = np.angle(np.fft.rfft(heard) * np.conj(np.fft.rfft(sound)))
    assert np.abs(turned[:, 10:-10]).max() < 0.01


@pytest.mark.parametrize("samples", [1, 2, 4097])
def test_silence_stays_silence_and_a_short_sound_is_taken(samples: int) -> None:
    assert not recoloured(np.zeros((2, samples), "f4"), np.random.default_rng(0)).any()
    heard = recoloured(np.ones((2, samples), "f4"), np.random.default_rng(0))
    assert heard.shape == (2, samples) and np.isfinite(heard).all()


def test_a_curve_spans_what_music_spans_and_goes_no_further_than_it_may() -> None:
    for seed in range(200):
        bends, decibels = curve(np.random.default_rng(seed))
        assert bends[0] == 0 and 8 < bends[-1] < 10 and len(bends) == len(decibels)
        assert np.abs(decibels).max() <= FURTHEST


def examples_of(songs: Path, coloured: float) -> Examples:
    return Examples(open_songs(sorted(songs.iterdir()), 8192), chunk=8192, batch=8, seed=0, coloured=coloured)


def test_examples_are_coloured_as_often_as_asked_and_the_same_at_every_call(tmp_path: Path) -> None:
    songs = noise_songs(tmp_path / "songs", count=3, seconds=0.5)
    never, always = examples_of(songs, 0), examples_of(songs, 1)
    assert np.array_equal(always.batch_of(3), always.batch_of(3))
    # The stems are of noise: only an equaliser makes some of its frequencies louder than others.
    assert unevenness(always.batch_of(3)) > unevenness(never.batch_of(3)) + 2


def unevenness(stems: np.ndarray) -> float:
    """How far apart, in dB, octaves of white noise are; the median over the stems that are heard."""
    heard = stems.reshape(-1, stems.shape[-1])
    power = np.abs(np.fft.rfft(heard[np.abs(heard).max(1) > 0])) ** 2
    octaves = [power[:, 2**i : 2 ** (i + 1)].mean(1) for i in range(6, 12)]
    return float(np.median(np.std(10 * np.log10(octaves), axis=0)))


def test_a_run_with_another_share_is_another_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], one_thread: None
) -> None:
    songs = noise_songs(tmp_path / "songs", count=2, seconds=1)
    call = [
        str(songs),
        str(songs),
        str(tmp_path / "run"),
        "--config",
        str(tiny_config(tmp_path / "tiny.yaml")),
        *TINY,
    ]
    assert train([*call, "--steps", "1", "--coloured", "0.5"]) == 0
    capsys.readouterr()
    assert train([*call, "--steps", "1"]) == 1
    assert "was begun with other settings" in capsys.readouterr().err
