"""The recipe on a full disk, made by a limit on how long a file may become, and then with room."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from recipe import FONT, STEMS, TINY, everything_in, noise_songs, run, samples_of, tiny_config

from training.compose import compose_song
from training.compose.__main__ import main as compose
from training.mix.__main__ import main as mix
from training.render.__main__ import main as render
from training.train.__main__ import main as train

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("one_thread")]


def assert_whole(song: Path) -> None:
    assert sorted(path.name for path in song.iterdir()) == sorted(f"{stem}.wav" for stem in STEMS)
    assert samples_of(song).shape[1] > 0


def test_composing(tmp_path: Path) -> None:
    arguments = [str(tmp_path / "out"), "--songs", "1", "--seconds", "5"]
    ran = run("compose", *arguments, room=100)
    assert ran.code == 1 and ran.sentence.startswith("The disk is full")
    assert everything_in(tmp_path / "out") == []
    assert compose(arguments) == 0
    assert everything_in(tmp_path / "out") == ["00000.mid"]


@pytest.mark.usefixtures("synthesizers")
@pytest.mark.parametrize("survives", [False, True], ids=["killed", "told"])
@pytest.mark.parametrize(("name", "font"), [("fluidsynth", FONT), ("timidity", "freepats.cfg")])
def test_rendering(name: str, font: str, survives: bool, tmp_path: Path) -> None:
    songs, out, programs = tmp_path / "songs", tmp_path / "out", tmp_path / "bin"
    songs.mkdir()
    compose_song(3, 0, 5).save(songs / "00000.mid")
    programs.mkdir()
    if survives:
        # A file that is too long ends a process, one that meets a full disk goes on: FluidSynth then says so
        # and calls the half of it a success.
        program = programs / name
        program.write_text(f"#!/bin/sh\ntrap '' XFSZ\nexec {shutil.which(name)} \"$@\"\n")
        program.chmod(0o755)
    arguments = [str(songs), str(out), "--font", font, "--seconds", "6"]
    ran = run("render", *arguments, room=500_000, path=f"{programs}:{os.environ['PATH']}")
    assert ran.code == 1 and ran.sentence.startswith("The disk is full")
    assert everything_in(out) == []
    assert render(arguments) == 0
    assert_whole(out / "00000")


@pytest.mark.parametrize("lacks", [1, 100_000])
def test_mixing(lacks: int, tmp_path: Path) -> None:
    songs, out = noise_songs(tmp_path / "songs", count=1, seconds=1), tmp_path / "out"
    size = (songs / "00000" / "bass.wav").stat().st_size
    arguments = [str(songs), str(out), "--plain", "1", "--damaged", "0"]
    ran = run("mix", *arguments, room=size - lacks)
    assert ran.code == 1 and ran.sentence.startswith("The disk is full")
    assert everything_in(out) == []
    assert mix(arguments) == 0
    assert_whole(out / "00000-0")


@pytest.mark.parametrize("file", ["state.pt", "model.ckpt"])
def test_training(file: str, tmp_path: Path) -> None:
    songs, out = noise_songs(tmp_path / "songs", count=1, seconds=1), tmp_path / "out"
    config = tiny_config(tmp_path / "tiny.yaml")
    arguments = [str(songs), str(songs), str(out), "--config", str(config), "--steps", "2", *TINY]
    assert train(arguments) == 0
    whole = {name: (out / name).read_bytes() for name in ("state.pt", "model.ckpt")}
    if file == "state.pt":
        shutil.rmtree(out)
    else:
        (out / file).unlink()
    ran = run("train", *arguments, room=len(whole[file]) - 1)
    assert ran.code == 1 and ran.sentence.startswith("The disk is full")
    assert file not in everything_in(out)
    assert [name for name in everything_in(out) if name not in ("log.jsonl", "state.pt")] == []
    assert train(arguments) == 0
    assert (out / "model.ckpt").read_bytes() == whole["model.ckpt"]
