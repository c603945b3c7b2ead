"""What the recipe's commands do when something is missing or wrong: one sentence, nothing half-written."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
import torch
from architectures import RATE
from recipe import (
    CHUNK,
    FONT,
    HELD_OUT,
    ROOT,
    STEMS,
    TINY,
    everything_in,
    lines_without_bar,
    noise_songs,
    run,
    tiny_config,
)

from training import NEEDED
from training.compose import compose_song
from training.evaluate.__main__ import main as evaluate
from training.export.__main__ import main as export
from training.listen.__main__ import main as listen
from training.mix.__main__ import main as mix
from training.render.__main__ import main as render
from training.render.fonts import find_font
from training.train.__main__ import main as train

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("one_thread")]
Told = Callable[[int], str]


@pytest.fixture
def told(capfd: pytest.CaptureFixture[str]) -> Told:
    """The one sentence of a command that ended with the status 1."""

    def sentence(code: int) -> str:
        (line,) = lines_without_bar(capfd.readouterr().err)
        assert code == 1
        return line

    return sentence


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return noise_songs(tmp_path_factory.mktemp("noise"), count=2, seconds=1)


@pytest.fixture(scope="module")
def midi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("midi")
    for index in range(2):
        compose_song(3, index, 5).save(folder / f"{index:05d}.mid")
    return folder


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_config(tmp_path_factory.mktemp("config") / "tiny.yaml")


def training(songs: Path, out: Path, config: Path, steps: int = 1) -> list[str]:
    return [str(songs), str(songs), str(out), "--config", str(config), "--steps", str(steps), *TINY]


def trained(songs: Path, out: Path, config: Path, steps: int = 1) -> Path:
    assert train(training(songs, out, config, steps)) == 0
    return out


def test_without_fluidsynth_rendering_names_the_package_and_makes_nothing(midi: Path, tmp_path: Path) -> None:
    ran = run("render", midi, tmp_path / "out", path=str(tmp_path))
    assert (ran.code, ran.sentence) == (
        1,
        "FluidSynth is not installed. On Debian: apt install fluidsynth.",
    )
    assert everything_in(tmp_path) == []


@pytest.mark.usefixtures("synthesizers")
@pytest.mark.parametrize(
    ("font", "package"),
    [
        ("FluidR3_GM.sf2", "fluid-soundfont-gm"),
        ("TimGM6mb.sf2", "timgm6mb-soundfont"),
        ("OPL-3_FM_128M.sf2", "opl3-soundfont"),
    ],
)
def test_without_a_font_rendering_names_its_package_and_makes_nothing(
    font: str, package: str, midi: Path, tmp_path: Path, told: Told
) -> None:
    missing = str(tmp_path / font)
    sentence = f"The sound font {missing} is not there. On Debian: apt install {package}."
    assert told(render([str(midi), str(tmp_path / "out"), "--font", missing])) == sentence
    assert everything_in(tmp_path) == []


@pytest.mark.usefixtures("synthesizers")
def test_a_font_that_nobody_knows_is_asked_for_as_a_path(midi: Path, tmp_path: Path, told: Told) -> None:
    sentence = "The sound font own.sf2 is not there. Give the path of an .sf2 or .sf3 file."
    assert told(render([str(midi), str(tmp_path / "out"), "--font", "own.sf2"])) == sentence
    assert everything_in(tmp_path) == []


@pytest.mark.usefixtures("synthesizers")
@pytest.mark.parametrize("kept", [0, 1_000_000])
def test_a_font_that_is_none_or_breaks_off_is_told_and_no_other_is_played_instead(
    kept: int, midi: Path, tmp_path: Path, told: Told
) -> None:
    with open(find_font(HELD_OUT), "rb") as whole:
        (tmp_path / "wrong.sf2").write_bytes(whole.read(kept) or b"no font")
    arguments = [str(midi), str(tmp_path / "out"), "--font", str(tmp_path / "wrong.sf2")]
    sentence = told(render(arguments))
    assert sentence.startswith("FluidSynth could not play drums.mid with wrong.sf2: ")
    assert everything_in(tmp_path / "out") == []


@pytest.mark.usefixtures("synthesizers")
@pytest.mark.parametrize("content", [b"", b"no song", b"MThd\0\0\0\6\0\1\0\1", b"RIFF" * 30])
def test_a_file_that_is_no_song_is_named_and_the_others_stay_whole(
    content: bytes, midi: Path, tmp_path: Path, told: Told
) -> None:
    songs = tmp_path / "songs"
    songs.mkdir()
    shutil.copy(midi / "00000.mid", songs)
    (songs / "wrong.mid").write_bytes(content)
    arguments = [str(songs), str(tmp_path / "out"), "--font", FONT, "--seconds", "1"]
    sentence = told(render(arguments))
    assert sentence == "wrong.mid is not a MIDI file that can be read."
    whole = ["00000", *(f"00000/{stem}.wav" for stem in STEMS)]
    assert everything_in(tmp_path / "out") == sorted(whole)


@pytest.mark.usefixtures("synthesizers")
def test_a_folder_without_songs_is_named_by_every_command(tmp_path: Path, config: Path, told: Told) -> None:
    empty, out = tmp_path / "empty", tmp_path / "out"
    empty.mkdir()
    (empty / "half").mkdir()
    (empty / "half" / "drums.wav").write_bytes(b"")
    expected = f"{empty} holds no song: a song is a folder with drums.wav, bass.wav, other.wav."
    assert told(render([str(empty), str(out), "--font", FONT])) == f"{empty} holds no .mid file."
    assert told(mix([str(empty), str(out)])) == expected
    assert told(train(training(empty, out, config))) == expected
    assert told(evaluate([str(empty), "--json", str(out)])) == expected
    assert told(mix([str(tmp_path / "not there"), str(out)])).startswith(f"{tmp_path / 'not there'} holds no")
    assert not out.exists()


def test_songs_shorter_than_an_excerpt_are_told(
    songs: Path, tmp_path: Path, config: Path, told: Told
) -> None:
    arguments = [*training(songs, tmp_path / "out", config), "--chunk", str(2 * RATE)]
    assert told(train(arguments)) == f"No song is as long as an excerpt ({2 * RATE} samples)."
    assert everything_in(tmp_path) == []


def test_an_excerpt_that_the_network_cannot_take_is_told(
    songs: Path, tmp_path: Path, config: Path, told: Told
) -> None:
    for chunk in (CHUNK - 1, CHUNK + 512, 4096):
        expected = (
            f"The network cannot learn from excerpts of {chunk} samples (--chunk); "
            f"{CHUNK} would do, as in its YAML."
        )
        assert told(train([*training(songs, tmp_path / "out", config), "--chunk", str(chunk)])) == expected
    assert everything_in(tmp_path) == []


def break_text(path: Path) -> None:
    path.write_text("no sound")


def break_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20_000])


def make_mono(path: Path) -> None:
    samples, _ = soundfile.read(path)
    soundfile.write(path, samples[:, 0], RATE)


def change_rate(path: Path) -> None:
    samples, _ = soundfile.read(path)
    soundfile.write(path, samples, 48_000)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (break_text, "{song}/bass.wav cannot be read as sound: Format not recognised."),
        (break_off, "The stems of {song} are not equally long."),
        (make_mono, "{song}/bass.wav is not stereo at 44100 Hz."),
        (change_rate, "{song}/bass.wav is not stereo at 44100 Hz."),
    ],
)
def test_a_stem_that_does_not_fit_is_named_by_every_command_that_hears_it(
    damage: Callable[[Path], None], sentence: str, tmp_path: Path, config: Path, told: Told
) -> None:
    songs = noise_songs(tmp_path / "songs", count=1, seconds=1)
    damage(songs / "00000" / "bass.wav")
    out, expected = tmp_path / "out", sentence.format(song=songs / "00000")
    assert told(mix([str(songs), str(out)])) == expected
    assert told(train(training(songs, out, config))) == expected
    assert told(evaluate([str(songs), "--json", str(out / "scores.json")])) == expected
    assert everything_in(out) == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("training: {model_type: mdx23c, instruments: [vocals]}", "names the instruments ['vocals']"),
        ("training: {instruments: [drums, bass, other]}", "is not the YAML of an MSST model"),
        ("no mapping", "is not the YAML of an MSST model"),
        ("training: [unclosed", "is not the YAML of an MSST model"),
        ("training: {model_type: own, instruments: [drums, bass, other]}", "MSST cannot build the network"),
        ("training: {model_type: mdx23c, instruments: [drums, bass, other]}", "MSST cannot build the net"),
    ],
)
def test_a_wrong_yaml_is_told_and_nothing_is_made(
    text: str, sentence: str, songs: Path, tmp_path: Path, told: Told
) -> None:
    config = tmp_path / "wrong.yaml"
    config.write_text(text)
    line = told(train(training(songs, tmp_path / "out", config)))
    assert sentence in line and str(config) in line
    assert everything_in(tmp_path) == ["wrong.yaml"]


def test_a_yaml_that_is_not_there_is_told(songs: Path, tmp_path: Path, told: Told) -> None:
    config = tmp_path / "none.yaml"
    expected = f"A file cannot be read or written ({config}): No such file or directory."
    assert told(train(training(songs, tmp_path / "out", config))) == expected
    assert everything_in(tmp_path) == []


def test_a_checkpoint_that_does_not_fit_is_told_and_nothing_is_made(
    songs: Path, tmp_path: Path, config: Path, told: Told
) -> None:
    other = tiny_config(tmp_path / "other.yaml", channels=8)
    out = tmp_path / "out"
    out.mkdir()
    checkpoint = trained(songs, tmp_path / "run", config) / "model.ckpt"
    (tmp_path / "text.ckpt").write_text("no weights")
    (tmp_path / "empty.ckpt").write_bytes(b"")
    (tmp_path / "cut.ckpt").write_bytes(checkpoint.read_bytes()[:9000])
    torch.save([1, 2], tmp_path / "list.ckpt")
    scores, page = ["--json", str(out / "scores.json")], str(out / "page")
    for wrong, sentence in {
        checkpoint: f"{checkpoint} does not hold the weights of {other}.",
        tmp_path / "text.ckpt": f"{tmp_path}/text.ckpt is broken, or no file of PyTorch's.",
        tmp_path / "empty.ckpt": f"{tmp_path}/empty.ckpt is broken, or no file of PyTorch's.",
        tmp_path / "cut.ckpt": f"{tmp_path}/cut.ckpt is broken, or no file of PyTorch's.",
        tmp_path / "list.ckpt": f"{tmp_path}/list.ckpt holds no weights.",
        tmp_path / "none.ckpt": f"{tmp_path}/none.ckpt is not there.",
    }.items():
        assert told(evaluate([str(songs), "--model", f"x={other}:{wrong}", *scores])) == sentence
        assert told(listen([str(songs), page, "--model", f"{other}:{wrong}"])) == sentence
        assert told(train([*training(songs, out / "run", other), "--start", str(wrong)])) == sentence
    exported = ["--config", str(other), "--checkpoint", str(out / "x.ckpt"), "--card", str(out / "x.md")]
    assert told(export([str(tmp_path / "run"), *exported])).endswith(f"the weights of {other}.")
    assert everything_in(out) == []


def test_the_state_of_another_run_is_refused_and_stays(
    songs: Path, tmp_path: Path, config: Path, told: Told
) -> None:
    run = trained(songs, tmp_path / "run", config)
    before = {path: (run / path).read_bytes() for path in everything_in(run)}
    expected = f"{run / 'state.pt'} was begun with other settings. Give the same ones, or another folder."
    assert told(train(training(songs, run, config, steps=2))) == expected
    assert told(train([*training(songs, run, config), "--seed", "5"])) == expected
    assert told(train([*training(songs, run, config), "--start", str(run / "model.ckpt")])) == expected
    assert told(train(training(songs, run, tiny_config(tmp_path / "o.yaml", channels=8)))) == expected
    assert {path: (run / path).read_bytes() for path in everything_in(run)} == before


@pytest.mark.parametrize("kept", [0, 100, 30_000, -1])
def test_a_state_that_breaks_off_is_refused_and_stays(
    kept: int, songs: Path, tmp_path: Path, config: Path, told: Told
) -> None:
    run = trained(songs, tmp_path / "run", config)
    cut = (run / "state.pt").read_bytes()[:kept]
    (run / "state.pt").write_bytes(cut)
    expected = f"{run / 'state.pt'} is broken, or no file of PyTorch's. Remove it to begin anew."
    assert told(train(training(songs, run, config))) == expected
    assert (run / "state.pt").read_bytes() == cut


def test_a_run_that_has_not_ended_is_not_exported(tmp_path: Path, config: Path, told: Told) -> None:
    arguments = [str(tmp_path), "--config", str(config), "--checkpoint", str(tmp_path / "out" / "x.ckpt")]
    expected = f"{tmp_path / 'model.ckpt'} is not there: the training has not reached its last step."
    assert told(export(arguments)) == expected
    assert everything_in(tmp_path) == []


def test_figures_that_are_none_are_told_before_anything_is_exported(
    songs: Path, tmp_path: Path, config: Path, told: Told
) -> None:
    run = trained(songs, tmp_path / "run", config)
    (tmp_path / "scores.json").write_text('{"songs": 3}')
    arguments = [str(run), "--config", str(config), "--checkpoint", str(tmp_path / "out" / "x.ckpt")]
    card = ["--card", str(tmp_path / "out" / "x.md"), "--scores", f"x={tmp_path / 'scores.json'}"]
    expected = f"{tmp_path / 'scores.json'} does not hold the figures of training.evaluate."
    assert told(export([*arguments, *card])) == expected
    assert not (tmp_path / "out").exists()


def test_a_page_that_is_there_is_not_written_over(
    songs: Path, tmp_path: Path, config: Path, told: Told
) -> None:
    (tmp_path / "page").mkdir()
    expected = f"{tmp_path / 'page'} is there already. Remove it, or name another folder."
    assert told(listen([str(songs), str(tmp_path / "page"), "--model", f"{config}:x"])) == expected


@pytest.mark.parametrize(
    "step", ["compose", "purge", "render", "mix", "train", "average", "evaluate", "listen", "export"]
)
def test_packages_that_are_not_installed_are_named_by_every_command(step: str) -> None:
    # Without its site-packages, Python has none.
    python = [sys.executable, "-S", "-m", f"training.{step}", "--help"]
    ended = subprocess.run(python, cwd=ROOT, env={}, capture_output=True, text=True, check=False)
    expected = f"Not installed in this Python: {', '.join(NEEDED)}. training/README.md says how.\n"
    assert (ended.returncode, ended.stderr, ended.stdout) == (1, expected, "")


@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (render, ["songs", "out", "--workers", "0"]),
        (render, ["songs", "out", "--seconds", "nan"]),
        (mix, ["songs", "out", "--plain", "1.1"]),
        (mix, ["songs", "out", "--seed", "-1"]),
        (train, ["songs", "songs", "out", "--steps", "0"]),
        (train, ["songs", "songs", "out", "--chunk", "x"]),
        (train, ["songs", "songs", "out", "--device", "abacus"]),
        (evaluate, ["songs", "--model", "config.yaml"]),
        (listen, ["songs", "out"]),
        (export, ["run"]),
        (export, ["run", "--config", "x.yaml", "--scores", "x.json"]),
    ],
)
def test_wrong_arguments_are_refused_with_status_2(
    main: Callable[[list[str]], int],
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as refused:
        main(arguments)
    assert refused.value.code == 2
    assert "error: " in capsys.readouterr().err.splitlines()[-1]
    assert everything_in(tmp_path) == []
