"""The whole recipe in small: every command once, and what each leaves for the next."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import mido
import numpy as np
import pytest
import torch
import yaml
from recipe import CHUNK, FONT, HELD_OUT, STEMS, TINY, Ran, begin, contents_of, run, samples_of, tiny_config

from training.compose import compose_song
from training.export.__main__ import main as export
from training.mix.song import mix_song
from training.render.fonts import find_font
from training.render.song import render_song
from training.render.synthesizer import find_synthesizer
from training.train.__main__ import main as train
from training.train.start import started

pytestmark = [pytest.mark.usefixtures("synthesizers"), pytest.mark.filterwarnings("ignore")]
SEED = 3


class Recipe:
    """Where the tiny run keeps everything, and how each command ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = tiny_config(folder / "tiny.yaml")
        self.songs, self.test_songs = folder / "songs", folder / "test-songs"
        self.rendered, self.test = folder / "rendered", folder / "test"
        self.mixed, self.trained = folder / "mixed", folder / "run"
        self.checkpoint, self.card = folder / "out" / "tiny.ckpt", folder / "out" / "tiny.md"
        self.scores, self.page = folder / "out" / "scores.json", folder / "page"
        self.outputs: dict[str, str] = {}

    def run(self, command: str, *arguments: object) -> None:
        self.ended(command, run(command, *arguments))

    def ended(self, command: str, ran: Ran) -> None:
        assert (ran.code, ran.errors) == (0, []), command
        self.outputs[command] = ran.output

    def training(self, out: Path) -> list[str]:
        told = ["--config", str(self.config), "--steps", "4", "--report-every", "2", *TINY]
        return [str(self.mixed), str(self.test), str(out), *told]


@pytest.fixture(scope="module")
def recipe(synthesizers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recipe]:
    recipe = Recipe(tmp_path_factory.mktemp("recipe"))
    model = f"{recipe.config}:{recipe.checkpoint}"
    recipe.run("compose", recipe.songs, "--songs", 3, "--seconds", 5, "--seed", SEED, "--workers", 2)
    recipe.test_songs.mkdir()
    compose_song(SEED + 1, 0, 5).save(recipe.test_songs / "00000.mid")
    recipe.run("render", recipe.songs, recipe.rendered, "--font", FONT, "--seconds", 6, "--workers", 2)
    recipe.run("render", recipe.test_songs, recipe.test, "--font", HELD_OUT, "--seconds", 6)
    recipe.run("mix", recipe.rendered, recipe.mixed, "--plain", 0, "--damaged", 0.5, "--seed", SEED)
    recipe.run("train", *recipe.training(recipe.trained))
    evaluated = [recipe.test, "--model", f"tiny={model}", "--seconds", 3, "--threads", 1]
    exported = [recipe.trained, "--config", recipe.config, "--checkpoint", recipe.checkpoint]
    recipe.run("export", *exported)
    listening = begin("listen", recipe.test, recipe.page, "--model", model, "--count", 1, "--seconds", 2)
    recipe.run("evaluate", *evaluated, "--json", recipe.scores)
    recipe.ended("listen", Ran(listening))
    told = ["--scores", f"of the tests={recipe.scores}", "--training", "It took 4 steps."]
    assert export([*map(str, exported), "--card", str(recipe.card), *told]) == 0
    yield recipe


def songs_of(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def test_every_command_made_as_many_songs_as_asked_and_nothing_else(recipe: Recipe) -> None:
    names = ["00000", "00001", "00002"]
    assert [path.name for path in songs_of(recipe.songs)] == [f"{name}.mid" for name in names]
    assert [path.name for path in songs_of(recipe.rendered)] == names
    assert [path.name for path in songs_of(recipe.mixed)] == [f"{name}-0" for name in names]
    assert [path.name for path in songs_of(recipe.test)] == ["00000"]
    for song in (*songs_of(recipe.rendered), *songs_of(recipe.mixed), *songs_of(recipe.test)):
        assert sorted(path.name for path in song.iterdir()) == sorted(f"{stem}.wav" for stem in STEMS)


def test_stems_are_equally_long_and_add_up_without_clipping(recipe: Recipe) -> None:
    for song in (*songs_of(recipe.rendered), *songs_of(recipe.mixed), *songs_of(recipe.test)):
        stems = samples_of(song).astype(np.int32)  # np.stack refuses unequal lengths
        loudest = max(np.abs(stems).max(), np.abs(stems.sum(0)).max())
        assert loudest == pytest.approx(0.9 * 2**15, abs=3), song


def test_the_notes_of_a_stem_are_heard_in_it_and_only_in_it(recipe: Recipe) -> None:
    for path in songs_of(recipe.songs):
        stems = samples_of(recipe.rendered / path.stem)
        has_drums = any(message.type == "note_on" and message.channel == 9 for message in mido.MidiFile(path))
        assert (np.abs(stems[0]).max() > 100) == has_drums
        assert np.abs(stems[1:]).max() > 1000


def test_mixing_changed_the_songs(recipe: Recipe) -> None:
    for song in songs_of(recipe.rendered):
        before, after = samples_of(song), samples_of(recipe.mixed / f"{song.name}-0")
        assert before.shape != after.shape or np.abs(before - after).max() > 100


def test_the_same_seeds_give_the_same_songs_to_the_byte(recipe: Recipe, tmp_path: Path) -> None:
    compose_song(SEED, 1, 5).save(tmp_path / "00001.mid")
    assert (tmp_path / "00001.mid").read_bytes() == (recipe.songs / "00001.mid").read_bytes()
    font = find_font(FONT)
    render_song(find_synthesizer(font), tmp_path / "00001.mid", font, tmp_path / "rendered", seconds=6)
    assert contents_of(tmp_path / "rendered") == contents_of(recipe.rendered / "00001")
    mix_song(tmp_path / "rendered", tmp_path / "mixed", (SEED, 1, 0), plain=0, damaged=0.5)
    assert contents_of(tmp_path / "mixed") == contents_of(recipe.mixed / "00001-0")


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    recipe: Recipe, tmp_path: Path, one_thread: None
) -> None:
    first = (recipe.trained / "model.ckpt").read_bytes()
    assert train(recipe.training(tmp_path / "again")) == 0
    assert (tmp_path / "again" / "model.ckpt").read_bytes() == first
    assert train([*recipe.training(tmp_path / "other"), "--seed", "1"]) == 0
    assert (tmp_path / "other" / "model.ckpt").read_bytes() != first


def test_a_training_that_starts_with_a_checkpoint_goes_on_from_its_weights(
    recipe: Recipe, tmp_path: Path, one_thread: None
) -> None:
    start = recipe.trained / "model.ckpt"
    asked = [*recipe.training(tmp_path / "more"), "--start", str(start), "--steps", "1", "--rate", "1e-6"]
    assert train(asked) == 0
    before, after = (
        torch.load(path, weights_only=True) for path in (start, tmp_path / "more" / "model.ckpt")
    )
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert all(torch.allclose(before[name], after[name], atol=1e-5) for name in before)


def test_a_deeper_network_begins_with_what_the_smaller_one_had_learnt(recipe: Recipe, tmp_path: Path) -> None:
    checkpoint = recipe.trained / "model.ckpt"
    smaller, _ = started(recipe.config, checkpoint)
    settings = yaml.safe_load(recipe.config.read_text())
    settings["model"]["num_blocks_per_scale"] += 1
    (tmp_path / "deeper.yaml").write_text(yaml.safe_dump(settings))
    deeper, _ = started(tmp_path / "deeper.yaml", checkpoint)
    sound = torch.randn(1, 2, CHUNK, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert sum(map(torch.numel, deeper.parameters())) > 1.3 * sum(map(torch.numel, smaller.parameters()))
        torch.testing.assert_close(deeper.eval()(sound), smaller.eval()(sound))


def test_training_reports_its_progress_on_songs_it_does_not_learn_from(recipe: Recipe) -> None:
    told = (recipe.trained / "log.jsonl").read_text().splitlines()
    lines = [json.loads(line) for line in told]
    assert [line["step"] for line in lines] == [2, 4]
    assert all(line["loss"] > 0 and list(line["improvement"]) == list(STEMS) for line in lines)
    assert recipe.outputs["train"].splitlines() == told


def test_the_exported_checkpoint_is_half_as_large_and_loads_through_msst(recipe: Recipe) -> None:
    from msst.utils.settings import get_model_from_config

    half = torch.load(recipe.checkpoint, weights_only=True)
    trained = torch.load(recipe.trained / "model.ckpt", weights_only=True)
    assert {value.dtype for value in half.values()} == {torch.float16}
    network, _ = get_model_from_config("mdx23c", str(recipe.config))
    network.load_state_dict(half, strict=True)
    for name, value in network.state_dict().items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, trained[name], rtol=1e-3, atol=1e-4)
    with torch.inference_mode():
        assert network.eval()(torch.zeros(1, 2, CHUNK)).shape == (1, len(STEMS), 2, CHUNK)


def test_the_figures_hold_the_mixture_the_split_and_the_model_for_every_stem(recipe: Recipe) -> None:
    measured = json.loads(recipe.scores.read_text())
    assert (measured["songs"], measured["seconds"]) == (1, 3)
    figures = measured["figures"]
    assert list(figures) == ["the mixture itself", "librosa's split", "tiny"]
    for row in figures.values():
        assert list(row) == [stem for stem in STEMS if stem in figures["the mixture itself"]]
    assert list(figures["tiny"]) == list(STEMS)
    assert list(measured["pace"]) == list(figures)
    assert measured["pace"]["tiny"] > measured["pace"]["the mixture itself"] >= 0
    assert {cell["improvement"] for cell in figures["the mixture itself"].values()} == {0}
    for stem, cell in figures["tiny"].items():
        gained = cell["sdr"] - figures["the mixture itself"][stem]["sdr"]
        assert cell["improvement"] == pytest.approx(gained, abs=0.011)
        assert cell["ahead"] == float(cell["sdr"] > figures["librosa's split"][stem]["sdr"])


def test_the_table_shows_the_same_figures(recipe: Recipe) -> None:
    figures = json.loads(recipe.scores.read_text())["figures"]
    (line,) = [line for line in recipe.outputs["evaluate"].splitlines() if line.startswith("| tiny |")]
    for stem in STEMS:
        assert f"{figures['tiny'][stem]['sdr']:.1f} (" in line
    assert line.endswith(f" {json.loads(recipe.scores.read_text())['pace']['tiny']:.2f} s |")


def test_the_card_tells_the_checkpoint_its_size_and_the_figures(recipe: Recipe) -> None:
    card = recipe.card.read_text("utf-8")
    assert "$" not in card
    (sha256,) = re.findall(r"[0-9a-f]{64}", recipe.outputs["export"])
    for told in (sha256, "It took 4 steps.", "1 of the tests", "librosa's split", "| tiny |"):
        assert told in card
    assert f"{recipe.checkpoint.stat().st_size / 1e6:.1f} MB" in card


def test_the_page_plays_and_shows_every_file_beside_it(recipe: Recipe) -> None:
    page = (recipe.page / "index.html").read_text("utf-8")
    named = sorted(re.findall(r'src="([^"]+)"', page))
    assert named == sorted(path.name for path in recipe.page.iterdir() if path.suffix != ".html")
    stems = [f"00000-{stem}-{by}" for stem in STEMS for by in ("played", "model")]
    assert named == sorted(f"{name}.{end}" for name in ("00000-mixture", *stems) for end in ("mp3", "png"))
    for name in named:
        begins = (recipe.page / name).read_bytes()[:4]
        assert begins == b"\x89PNG" if name.endswith("png") else begins[:2] in (b"\xff\xfb", b"ID"), name


@pytest.mark.parametrize(
    "command", ["compose", "purge", "render", "mix", "train", "average", "evaluate", "listen", "export"]
)
def test_every_command_tells_how_it_is_used(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    import importlib

    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"training.{command}.__main__").main(["--help"])
    assert ended.value.code == 0
    assert f"usage: python -m training.{command}" in capsys.readouterr().out
