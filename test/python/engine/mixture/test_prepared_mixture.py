"""The next mixture, decoded while another is separated."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import librosa
import numpy
import pytest
from separating import Run, engine_of, mixture, tiny_model

from python_worker.engine import Engine
from python_worker.engine.mixture.prepared_mixture import PreparedMixture
from python_worker.protocol import Failure, Prepare

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("one_thread")]

MSST_OPTIONS = {"sr": 44100, "mono": False}


class CountingLibrosa(ModuleType):
    """librosa, which notes who decodes what, and waits for `go`."""

    def __init__(self) -> None:
        super().__init__("librosa")
        self.loads: list[tuple[str, str]] = []
        self.go = threading.Event()
        self.go.set()

    def load(self, path: Any, **options: Any) -> Any:
        self.go.wait(20)
        self.loads.append((Path(path).name, threading.current_thread().name))
        return librosa.load(path, **options)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with engine_of("bigshifts") as engine:
        yield engine


def test_a_prepared_mixture_is_what_librosa_gives_and_is_given_once(tmp_path: Path) -> None:
    counting = CountingLibrosa()
    prepared = PreparedMixture(counting)
    song = mixture(tmp_path / "song.wav", rate=48000)
    prepared.begin(song, 44100, 3.0)
    prepared.begin(song, 44100, 3.0)
    taken = prepared.take(song, (), MSST_OPTIONS)
    assert taken is not None
    expected, _ = librosa.load(song, **MSST_OPTIONS)
    assert numpy.array_equal(taken[0], expected)
    assert taken[1] == 44100
    assert counting.loads == [("song.wav", "prepare")]
    assert prepared.take(song, (), MSST_OPTIONS) is None


@pytest.mark.parametrize(
    ("path", "arguments", "options"),
    [
        ("other.wav", (), MSST_OPTIONS),
        ("song.wav", (), {"sr": 48000, "mono": False}),
        ("song.wav", (), {"sr": 44100}),
        ("song.wav", (22050,), MSST_OPTIONS),
    ],
)
def test_what_was_not_asked_for_is_not_given(
    tmp_path: Path, path: str, arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    prepared = PreparedMixture(librosa)
    prepared.begin(mixture(tmp_path / "song.wav"), 44100, 3.0)
    assert prepared.take(tmp_path / path, arguments, options) is None


def test_the_song_asked_for_last_is_the_one_that_is_ready(tmp_path: Path) -> None:
    counting = CountingLibrosa()
    counting.go.clear()
    prepared = PreparedMixture(counting)
    for name in ("a.wav", "b.wav", "c.wav"):
        prepared.begin(mixture(tmp_path / name), 44100, 3.0)
    counting.go.set()
    assert prepared.take(tmp_path / "c.wav", (), MSST_OPTIONS) is not None
    assert [name for name, _ in counting.loads] == ["a.wav", "c.wav"], "b was not wanted any more"


def test_a_song_that_cannot_be_decoded_is_left_to_who_separates_it(tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    prepared = PreparedMixture(librosa)
    prepared.begin(tmp_path / "broken.wav", 44100, 3.0)
    assert prepared.take(tmp_path / "broken.wav", (), MSST_OPTIONS) is None


def test_a_separation_takes_what_was_prepared_during_the_one_before(engine: Engine, tmp_path: Path) -> None:
    counting = CountingLibrosa()
    engine._prepared = PreparedMixture(counting)
    model = tiny_model(tmp_path / "model")
    songs = [mixture(tmp_path / f"{number}.wav", seconds=2 + number, rate=48000) for number in (1, 2)]
    plain = Run(tmp_path / "plain", songs[1], model)
    expected = plain.stem(plain.on(engine), "vocals")

    first, second = (Run(tmp_path / song.stem, song, model) for song in songs)

    def prepare(method: str, message: Any) -> None:
        if method == "progress" and message.stage == "separating":
            engine.prepare(Prepare(str(songs[1]), 44100, 4.0))

    first.on_message = prepare
    first.on(engine)
    got = second.stem(second.on(engine), "vocals")
    assert numpy.array_equal(got, expected)
    assert counting.loads == [("2.wav", "prepare")]


def test_what_is_wrong_with_a_prepared_mixture_is_told_as_ever(engine: Engine, tmp_path: Path) -> None:
    song = mixture(tmp_path / "song.wav")
    engine.prepare(Prepare(str(song), 44100, 3.0))
    run = Run(tmp_path / "run", song, tiny_model(tmp_path / "model"), duration_seconds=9.5)
    with pytest.raises(Failure, match=r"Only 3.00 of 9.50 seconds"):
        run.on(engine)
