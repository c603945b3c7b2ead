"""The recipe interrupted and killed: what is left is whole, and the same command goes on to the same end."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
import torch
from recipe import (
    FONT,
    STEMS,
    TINY,
    Ran,
    begin,
    contents_of,
    everything_in,
    noise_songs,
    samples_of,
    stop_when,
    tiny_config,
)

from training.compose import compose_song
from training.mix.__main__ import main as mix
from training.render.__main__ import main as render
from training.train.__main__ import main as train

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("one_thread")]
INTERRUPTED = "Interrupted. What was finished is whole; the same command goes on from there."
SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["SIGINT", "SIGKILL"])
SONGS = 4


def assert_ended(ran: Ran, number: int) -> None:
    """An interrupt is one sentence; after a kill only Python's own clean-up speaks."""
    if number == signal.SIGINT:
        assert (ran.code, ran.errors) == (130, [INTERRUPTED])
    assert ran.code == (130 if number == signal.SIGINT else -signal.SIGKILL)


def assert_gone(group: int) -> None:
    """No process of a command outlives it for long."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if not any(is_of(group, process) for process in Path("/proc").glob("[0-9]*")):
            return
        time.sleep(0.05)
    raise AssertionError("a process is left")


def is_of(group: int, process: Path) -> bool:
    """Whether a process of this group still runs; one that only waits to be buried does not."""
    try:
        state, _, number = (process / "stat").read_text().rpartition(")")[2].split()[:3]
    except OSError:
        return False
    return int(number) == group and state != "Z"


def whole_songs_in(out: Path) -> list[Path]:
    """The folders that anyone would take for songs; every one must be whole."""
    found = [song for song in sorted(out.iterdir()) if not song.name.startswith(".")]
    for song in found:
        assert sorted(path.name for path in song.iterdir()) == sorted(f"{stem}.wav" for stem in STEMS)
        assert samples_of(song).shape[1] > 0
    return found


def all_of(folder: Path) -> dict[str, dict[str, bytes]]:
    return {song.name: contents_of(song) for song in sorted(folder.iterdir())}


def stop_in_the_middle(command: str, arguments: list[str], out: Path, number: int) -> None:
    """Stop a command that makes songs while it makes its second; check what is left."""

    process = begin(command, *arguments)
    assert_ended(stop_when(process, lambda: any(out.glob("[!.]*")), number), number)
    assert_gone(process.pid)
    assert 1 <= len(whole_songs_in(out)) < SONGS
    if number == signal.SIGINT:
        assert not [path for path in out.iterdir() if path.name.startswith(".")]


@pytest.mark.usefixtures("synthesizers")
@SIGNALS
def test_rendering_goes_on(number: int, tmp_path: Path) -> None:
    songs, out, straight = tmp_path / "songs", tmp_path / "out", tmp_path / "straight"
    songs.mkdir()
    for index in range(SONGS):
        compose_song(3, index, 5).save(songs / f"{index:05d}.mid")
    told = ["--font", FONT, "--seconds", "6"]
    stop_in_the_middle("render", [str(songs), str(out), *told], out, number)
    kept = {song: (song / "drums.wav").stat().st_mtime_ns for song in whole_songs_in(out)}
    assert render([str(songs), str(out), *told]) == 0
    assert render([str(songs), str(straight), *told]) == 0
    assert all_of(out) == all_of(straight)
    assert {song: (song / "drums.wav").stat().st_mtime_ns for song in kept} == kept


@SIGNALS
def test_mixing_goes_on(number: int, tmp_path: Path) -> None:
    out, straight = tmp_path / "out", tmp_path / "straight"
    songs = noise_songs(tmp_path / "songs", count=SONGS, seconds=8)
    told = ["--plain", "0", "--damaged", "0"]
    stop_in_the_middle("mix", [str(songs), str(out), *told], out, number)
    assert mix([str(songs), str(out), *told]) == 0
    assert mix([str(songs), str(straight), *told]) == 0
    assert all_of(out) == all_of(straight)


@SIGNALS
def test_training_ends_with_the_weights_of_a_run_that_was_not_interrupted(
    number: int, tmp_path: Path
) -> None:
    songs = noise_songs(tmp_path / "songs", count=2, seconds=1)
    config = tiny_config(tmp_path / "tiny.yaml")
    out, straight = tmp_path / "out", tmp_path / "straight"

    def arguments(folder: Path) -> list[str]:
        steps = ["--steps", "60", "--report-every", "4"]
        return [str(songs), str(songs), str(folder), "--config", str(config), *steps, *TINY]

    process = begin("train", *arguments(out))
    assert_ended(stop_when(process, (out / "state.pt").exists, number), number)
    assert not (out / "model.ckpt").exists()
    begun = torch.load(out / "state.pt", weights_only=True)["step"]
    assert 4 <= begun < 60
    assert train(arguments(out)) == 0
    assert train(arguments(straight)) == 0
    assert (out / "model.ckpt").read_bytes() == (straight / "model.ckpt").read_bytes()
    assert everything_in(out) == ["log.jsonl", "model.ckpt", "state.pt"]


def test_a_training_that_has_ended_is_left_as_it_is(tmp_path: Path) -> None:
    songs = noise_songs(tmp_path / "songs", count=1, seconds=1)
    config = tiny_config(tmp_path / "tiny.yaml")
    arguments = [str(songs), str(songs), str(tmp_path / "out"), "--config", str(config), "--steps", "2"]
    assert train([*arguments, *TINY]) == 0
    before = contents_of(tmp_path / "out")
    assert train([*arguments, *TINY]) == 0
    assert contents_of(tmp_path / "out") == before
