"""The parts of the recipe: stems of a MIDI song, effects, figures, examples, and how a network learns."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from multiprocessing import util
from pathlib import Path

import mido
import numpy as np
import pytest
import torch
from recipe import STEMS, noise_songs

from training.command import CommandError
from training.compose import compose_song
from training.evaluate.scores import MIXTURE, SPLIT, Cell, Score, score_song, summarise
from training.evaluate.separators import librosa_split, mixture_itself
from training.measure import is_silent, sdr
from training.mix import effects
from training.render.song import cut, level
from training.render.stem_midi import split_by_stem
from training.train.examples import Examples, open_songs
from training.train.learn import Settings, begin, follow, rate_at
from training.train.loss import relative_errors
from training.train.muon import DECAY, Muon
from training.train.optimiser import Optimiser

pytestmark = pytest.mark.filterwarnings("ignore")


def song_of(*messages: mido.Message | mido.MetaMessage) -> mido.MidiFile:
    song = mido.MidiFile(type=1, ticks_per_beat=96)
    song.tracks.append(mido.MidiTrack(messages))
    return song


def note(kind: str, key: int, *, channel: int = 0, velocity: int = 64, time: int = 0) -> mido.Message:
    return mido.Message(kind, channel=channel, note=key, velocity=velocity, time=time)


def program(number: int, *, channel: int = 0, time: int = 0) -> mido.Message:
    return mido.Message("program_change", channel=channel, program=number, time=time)


def notes_in(song: mido.MidiFile) -> list[tuple[int, str, int]]:
    """Every note's begin and end: tick, what, key."""
    heard, now = [], 0
    for message in mido.merge_tracks(song.tracks):
        now += message.time
        if message.type in ("note_on", "note_off"):
            is_on = message.type == "note_on" and message.velocity > 0
            heard.append((now, "on" if is_on else "off", message.note))
    return heard


def test_the_tenth_channel_is_drums_whatever_program_it_plays() -> None:
    song = song_of(program(33, channel=9), note("note_on", 36, channel=9), note("note_off", 36, channel=9))
    parts = split_by_stem(song)
    assert [key for _, _, key in notes_in(parts["drums"])] == [36, 36]
    assert notes_in(parts["bass"]) == notes_in(parts["other"]) == []


@pytest.mark.parametrize(
    ("number", "stem"), [(0, "other"), (31, "other"), (32, "bass"), (39, "bass"), (40, "other")]
)
def test_the_eight_basses_of_general_midi_are_bass_and_their_neighbours_are_not(
    number: int, stem: str
) -> None:
    parts = split_by_stem(song_of(program(number), note("note_on", 40), note("note_off", 40)))
    assert {name for name in STEMS if notes_in(parts[name])} == {stem}


def test_a_channel_without_a_program_is_other() -> None:
    parts = split_by_stem(song_of(note("note_on", 40), note("note_off", 40)))
    assert notes_in(parts["other"]) and not notes_in(parts["bass"])


@pytest.mark.parametrize("end", [note("note_off", 40, time=10), note("note_on", 40, velocity=0, time=10)])
def test_a_note_ends_in_the_stem_it_began_in(end: mido.Message) -> None:
    parts = split_by_stem(song_of(program(33), note("note_on", 40), program(0, time=5), end))
    assert [what for _, what, _ in notes_in(parts["bass"])] == ["on", "off"]
    assert notes_in(parts["other"]) == []


def test_two_notes_of_one_key_end_in_the_order_they_began() -> None:
    begun = [program(33), note("note_on", 40), program(0), note("note_on", 40, time=10)]
    song = song_of(*begun, note("note_off", 40, time=10), note("note_off", 40, time=10))
    parts = split_by_stem(song)
    assert [what for _, what, _ in notes_in(parts["bass"])] == ["on", "off"]
    assert [what for _, what, _ in notes_in(parts["other"])] == ["on", "off"]
    assert notes_in(parts["bass"])[1][0] < notes_in(parts["other"])[1][0]


def test_an_end_without_a_note_is_left_out() -> None:
    parts = split_by_stem(song_of(note("note_off", 40), note("note_on", 41, velocity=0)))
    assert all(notes_in(part) == [] for part in parts.values())


@pytest.mark.parametrize("index", range(6))
def test_every_note_of_a_song_is_in_one_stem_at_its_own_time(index: int) -> None:
    song = compose_song(8, index, 12)
    parts = split_by_stem(song)
    assert list(parts) == list(STEMS)
    together = sorted(heard for part in parts.values() for heard in notes_in(part))
    assert together == sorted(notes_in(song))
    tempos = [[m.tempo for m in mido.merge_tracks(song.tracks) if m.type == "set_tempo"]]
    tempos += [[m.tempo for m in part.tracks[0] if m.type == "set_tempo"] for part in parts.values()]
    assert tempos[0] and all(tempo == tempos[0] for tempo in tempos)
    assert len({round(part.length, 6) for part in parts.values()} | {round(song.length, 6)}) == 1


def test_stems_become_equally_long_and_neither_they_nor_their_sum_clip() -> None:
    rng = np.random.default_rng(1)
    heard = {stem: rng.uniform(-3, 3, (1000 * (i + 1), 2)).astype("f4") for i, stem in enumerate(STEMS)}
    stems = cut(heard, None)
    assert {stem.shape for stem in stems.values()} == {(3000, 2)}
    assert np.array_equal(stems["drums"][:1000], heard["drums"]) and not stems["drums"][1000:].any()
    assert {len(stem) for stem in cut(heard, 0.01).values()} == {441}
    levelled = list(level(stems).values())
    assert max(np.abs(sound).max() for sound in (*levelled, sum(levelled))) == pytest.approx(0.9, rel=1e-5)
    ratio = levelled[2][:10] / heard["other"][:10]
    assert np.allclose(ratio, ratio[0, 0])
    silence = level({stem: np.zeros((10, 2), "f4") for stem in STEMS})
    assert not any(sound.any() for sound in silence.values())


EFFECTS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "equalise": effects.equalise,
    "saturate": effects.saturate,
    "reverberate": effects.reverberate,
    "place": effects.place,
    "damage": lambda samples, rng: effects.damage(samples, 0.7),
}


@pytest.mark.parametrize("name", EFFECTS)
@pytest.mark.parametrize("seed", range(3))
def test_an_effect_keeps_shape_and_type_changes_sound_and_leaves_silence(name: str, seed: int) -> None:
    samples = (np.random.default_rng(9).standard_normal((30_000, 2)) / 8).astype("f4")
    changed = EFFECTS[name](samples, np.random.default_rng(seed))
    assert (changed.shape, changed.dtype) == (samples.shape, np.float32)
    assert np.isfinite(changed).all()
    assert np.abs(changed - samples).max() > 1e-3
    assert np.array_equal(changed, EFFECTS[name](samples, np.random.default_rng(seed)))
    silent = EFFECTS[name](np.zeros_like(samples), np.random.default_rng(seed))
    assert silent.shape == samples.shape and np.abs(silent).max() < 1e-4


def test_a_peak_filter_lifts_its_frequency_alone() -> None:
    seconds = np.arange(44_100) / 44_100
    numerator, denominator = effects.peak_filter(1000, decibel=6, q=1)
    for hertz, decibel in ((1000, 6), (50, 0), (15_000, 0)):
        tone = np.sin(2 * np.pi * hertz * seconds)
        answered = effects.signal.lfilter(numerator, denominator, tone)[8000:]
        assert 20 * np.log10(effects.rms(answered) / effects.rms(tone)) == pytest.approx(decibel, abs=0.15)


def test_mp3_takes_the_highest_tones_away_and_keeps_the_rest() -> None:
    seconds = np.arange(44_100) / 44_100
    low, high = np.sin(2 * np.pi * 500 * seconds) / 4, np.sin(2 * np.pi * 20_500 * seconds) / 4
    samples = np.stack([low + high] * 2, axis=1).astype("f4")
    spectrum = np.abs(np.fft.rfft(effects.damage(samples, 0.9)[:, 0]))
    assert spectrum[500] > 4000 and spectrum[20_500] < 400


def test_another_speed_changes_length_and_pitch_together() -> None:
    seconds = np.arange(44_100) / 44_100
    samples = np.stack([np.sin(2 * np.pi * 1000 * seconds)] * 2, axis=1).astype("f4")
    faster = effects.change_speed(samples, 1.25)
    assert faster.shape == (35_280, 2) and faster.dtype == np.float32
    assert np.argmax(np.abs(np.fft.rfft(faster[:, 0]))) * 44_100 / 35_280 == pytest.approx(1250, abs=2)


def test_sdr_is_what_a_hand_computes() -> None:
    truth = np.array([[3.0, 4.0], [0.0, 0.0]], dtype="f4")
    assert sdr(truth, truth + np.array([[0.3, 0.4], [0, 0]], dtype="f4")) == pytest.approx(20, abs=1e-4)
    assert sdr(truth, 2 * truth) == pytest.approx(0, abs=1e-6)
    assert sdr(truth, np.zeros_like(truth)) == pytest.approx(0, abs=1e-6)
    # |s|² = 25 and |s - ŝ|² = 50.
    assert sdr(truth, truth + np.array([[5, 0], [0, 5]], dtype="f4")) == pytest.approx(-3.0103, abs=1e-4)
    # Nothing left of the error but the 1e-8 of the definition.
    assert sdr(truth, truth) == pytest.approx(10 * np.log10(25e8), abs=1e-4)


def test_a_stem_more_than_50_db_below_the_mixture_is_silent() -> None:
    mixture = np.ones((2, 100), "f4")
    assert is_silent(mixture * 10 ** (-51 / 20), mixture)
    assert not is_silent(mixture * 10 ** (-49 / 20), mixture)
    assert is_silent(np.zeros_like(mixture), mixture)


def test_figures_are_medians_over_the_songs_in_which_the_stem_is_heard() -> None:
    reached = {MIXTURE: [0.0, -4.0, 2.0], SPLIT: [3.0, 1.0, 5.0], "net": [6.0, 0.0, 5.5]}
    scores = [
        Score(f"song {index}", separator, "drums", value)
        for separator, values in reached.items()
        for index, value in enumerate(values)
    ]
    scores += [Score("song 0", separator, "bass", -1.0) for separator in reached]
    table = summarise(scores)
    # 6 - 0, 0 + 4, 5.5 - 2; ahead of the split in the first and the last song.
    assert table["net"] == {"drums": Cell(3, 5.5, 4.0, 0.667), "bass": Cell(1, -1.0, 0.0, 0.0)}
    assert table[MIXTURE]["drums"] == Cell(3, 0.0, 0.0, 0.0)
    assert table[SPLIT]["drums"] == Cell(3, 3.0, 3.0, 0.0)
    assert "other" not in table["net"]


def test_a_perfect_separation_is_far_above_the_mixture_and_a_silent_stem_is_not_scored(
    tmp_path: Path,
) -> None:
    song = noise_songs(tmp_path, count=1, seconds=1) / "00000"
    (song / "bass.wav").write_bytes((song / "drums.wav").read_bytes())
    effects.soundfile.write(song / "other.wav", np.zeros((44_100, 2)), 44_100)
    halves = lambda mixture: np.stack([mixture / 2, mixture / 2, mixture * 0])  # noqa: E731
    scores = list(score_song(song, 0.5, {"mixture": mixture_itself, "halves": halves}))
    assert [(score.separator, score.stem) for score in scores] == [
        (way, stem) for way in ("mixture", "halves") for stem in ("drums", "bass")
    ]
    assert [score.sdr for score in scores[:2]] == pytest.approx([0, 0], abs=1e-3)
    assert min(score.sdr for score in scores[2:]) > 60


def test_the_split_without_a_network_adds_up_and_hears_clicks_and_low_tones() -> None:
    seconds = np.arange(44_100) / 44_100
    clicks = np.zeros(44_100)
    clicks[4000::8000] = 1
    tones = [clicks, np.sin(2 * np.pi * 80 * seconds) / 4, np.sin(2 * np.pi * 1500 * seconds) / 4]
    stems = np.stack([np.stack([tone] * 2) for tone in tones]).astype("f4")
    split = librosa_split(stems.sum(0))
    assert split.shape == stems.shape and split.dtype == np.float32
    assert np.abs(split.sum(0) - stems.sum(0)).max() < 0.05
    for truth, estimate in zip(stems, split, strict=True):
        assert sdr(truth, estimate) > sdr(truth, stems.sum(0)) + 3


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return noise_songs(tmp_path_factory.mktemp("songs"), count=3, seconds=0.5)


def examples_of(songs: Path, *, seed: int = 0, batch: int = 4) -> Examples:
    return Examples(open_songs(sorted(songs.iterdir()), 8192), chunk=8192, batch=batch, seed=seed)


def test_a_step_has_the_same_examples_whatever_came_before(songs: Path) -> None:
    first, second = examples_of(songs).batches(range(5, 7))
    assert (first.shape, first.dtype) == ((4, len(STEMS), 2, 8192), torch.float32)
    assert np.array_equal(second, examples_of(songs).batch_of(6))
    for readers in (1, 3):
        after, *others = examples_of(songs).batches(range(6, 10), readers=readers)
        assert torch.equal(second, after) and len(others) == 3
        assert np.array_equal(others[-1], examples_of(songs).batch_of(9))
    assert not torch.equal(first, second)
    assert not np.array_equal(first, examples_of(songs, seed=1).batch_of(5))


@pytest.mark.parametrize("readers", [0, 2])
def test_a_song_that_breaks_while_it_is_learnt_from_is_told_without_a_stack(
    tmp_path: Path, readers: int
) -> None:
    folder = noise_songs(tmp_path, count=1, seconds=0.5)
    (song,) = folder.iterdir()
    examples = examples_of(folder)
    (song / "drums.wav").write_text("no sound")
    with pytest.raises(CommandError, match=r"^\S+drums\.wav cannot be read as sound: [^\n]+$"):
        next(examples.batches(range(3), readers=readers))
    (song / "drums.wav").unlink()
    with pytest.raises(FileNotFoundError, match=r"^[^\n]+$") as raised:
        next(examples.batches(range(3), readers=readers))
    assert raised.value.filename == str(song / "drums.wav")


class ReadOnce(Examples):
    """Examples whose second one ends the process that reads it, which first tells where its sockets lie."""

    told: Path

    def batch_of(self, step: int) -> np.ndarray:
        if step == 1:
            self.told.write_text(util.get_temp_dir())
            os.kill(os.getpid(), signal.SIGKILL)
        return super().batch_of(step)


def test_a_reader_that_is_killed_is_told_without_a_stack_and_leaves_nothing(
    songs: Path, tmp_path: Path
) -> None:
    examples = ReadOnce(open_songs(sorted(songs.iterdir()), 8192), chunk=8192, batch=2, seed=0)
    examples.told = tmp_path / "told"
    batches = examples.batches(range(3), readers=1)
    with pytest.raises(CommandError, match=r"^A process that reads examples ended; [^\n]+$"):
        list(batches)
    # In this process's own folder, which it clears when it ends.
    assert examples.told.read_text() == util.get_temp_dir()


def test_now_and_then_a_stem_is_missing_and_mostly_none_is(songs: Path) -> None:
    batch = examples_of(songs, batch=300).batch_of(0)
    missing = (np.abs(batch).max((2, 3)) == 0).mean()
    assert 0.02 < missing < 0.12
    assert np.isfinite(batch).all()


def test_as_many_examples_as_asked_take_their_stems_from_several_songs(tmp_path: Path) -> None:
    songs = noise_songs(tmp_path, count=3, seconds=0.5)
    for song in songs.iterdir():
        # Whatever is of one place of a song, is equal but for its level and polarity.
        sound, rate = effects.soundfile.read(song / "drums.wav")
        for stem in STEMS:
            effects.soundfile.write(song / f"{stem}.wav", np.repeat(sound[:, :1], 2, axis=1), rate)
    for apart in (0.0, 0.25, 1.0):
        examples = Examples(
            open_songs(sorted(songs.iterdir()), 8192), chunk=8192, batch=200, seed=0, apart=apart
        )
        stems = examples.batch_of(0)[:, :, 0]
        stems = stems[np.abs(stems).max(2).min(1) > 0]
        likeness = [np.abs(np.corrcoef(example)).min() for example in stems]
        assert np.mean(np.array(likeness) < 0.9) == pytest.approx(apart, abs=0.08)


SETTINGS = Settings(steps=1000, rate=0.01, warm_up=100, averaged=0.9, report_every=10, bfloat16=False)


def test_the_rate_rises_to_its_highest_and_falls_to_nothing() -> None:
    rates = [rate_at(step, SETTINGS) for step in range(SETTINGS.steps + 1)]
    assert rates[0] == pytest.approx(0.01 / 100)
    assert rates[99] == pytest.approx(0.01 * (0.5 + 0.5 * np.cos(np.pi * 0.099)))
    assert rates[500] == pytest.approx(0.005)
    assert rates[-1] == pytest.approx(0, abs=1e-12) and 0 < rates[-2] < 1e-7
    assert np.argmax(rates) == 99 and all(np.diff(rates[99:]) < 0) and all(np.diff(rates[:99]) > 0)


def test_the_average_follows_the_weights_at_once_in_the_beginning_and_slowly_later() -> None:
    run = begin(torch.nn.Conv2d(1, 1, 1), torch.device("cpu"))
    with torch.no_grad():
        run.network.weight.fill_(1.0)
        run.average.weight.fill_(0.0)
    run.step = 5
    follow(run, 0.9)
    # 5 / (5 + 20) of the average is kept.
    assert run.average.weight.item() == pytest.approx(0.8)
    run.step = 10_000
    follow(run, 0.9)
    assert run.average.weight.item() == pytest.approx(0.8 * 0.9 + 0.1)
    assert run.network.weight.item() == 1.0


def test_every_direction_of_a_kernel_learns_as_fast() -> None:
    torch.manual_seed(0)
    network = torch.nn.Conv2d(3, 6, 3).to(memory_format=torch.channels_last)
    before = network.weight.detach().clone()
    gradient = torch.randn(6, 3, 3, 3) * torch.logspace(0, -1.3, 6)[:, None, None, None]
    network.weight.grad = gradient
    Optimiser(network).step(0.01)
    step = network.weight.detach() - before
    assert (step * gradient).sum() < 0
    # A matrix of 6 rows and 27 columns: the rate of `match_rms_adamw`, and what Newton-Schulz leaves of 1.
    found = torch.linalg.svdvals(step.flatten(1)) / (0.01 * 0.2 * 27**0.5)
    assert 0.6 < found.min() and found.max() < 1.3
    assert torch.linalg.cond(gradient.flatten(1)) > 10


def test_kernels_of_one_shape_learn_together_as_each_would_alone() -> None:
    torch.manual_seed(0)
    shapes = [(6, 3, 3, 3), (4, 20), (6, 3, 3, 3), (20, 4), (6, 3, 3, 3)]
    kernels = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
    alone = [torch.nn.Parameter(kernel.detach().clone()) for kernel in kernels]
    optimisers = [Muon(kernels), *[Muon([kernel]) for kernel in alone]]
    for _ in range(3):
        for kernel, single in zip(kernels, alone, strict=True):
            kernel.grad = torch.randn(kernel.shape)
            single.grad = kernel.grad.clone()
        for optimiser in optimisers:
            optimiser.param_groups[0]["lr"] = 0.02
            optimiser.step()
    for kernel, single in zip(kernels, alone, strict=True):
        torch.testing.assert_close(kernel, single, atol=1e-3, rtol=0)


def test_muon_is_the_one_of_pytorch() -> None:
    if not hasattr(torch.optim, "Muon"):
        pytest.skip(f"PyTorch {torch.__version__} has no Muon to compare with")
    torch.manual_seed(0)
    ours = [torch.nn.Parameter(torch.randn(shape)) for shape in ((8, 30), (30, 8), (8, 30))]
    theirs = [torch.nn.Parameter(matrix.detach().clone()) for matrix in ours]
    muon = Muon(ours)
    muon.param_groups[0]["lr"] = 0.02
    reference = torch.optim.Muon(theirs, lr=0.02, weight_decay=DECAY, adjust_lr_fn="match_rms_adamw")
    before = [matrix.detach().clone() for matrix in ours]
    for _ in range(4):
        for mine, its in zip(ours, theirs, strict=True):
            mine.grad = torch.randn(mine.shape)
            its.grad = mine.grad.clone()
        muon.step()
        reference.step()
    for was, mine, its in zip(before, ours, theirs, strict=True):
        # Both round to bfloat16 on the way, each where it likes.
        assert (mine - its).abs().max() < 0.05 * (mine - was).abs().max()


def test_a_kernel_without_a_gradient_stays() -> None:
    kernel = torch.nn.Parameter(torch.ones(3, 3))
    muon = Muon([kernel])
    muon.param_groups[0]["lr"] = 1.0
    muon.step()
    assert torch.equal(kernel, torch.ones(3, 3))


def test_gains_and_shifts_learn_at_a_quarter_of_the_rate() -> None:
    network = torch.nn.Conv2d(3, 6, 3)
    before = network.bias.detach().clone()
    network.bias.grad = torch.tensor([1.0, -1, 100, -100, 0.01, -0.01])
    Optimiser(network).step(0.01)
    # The first step of AdamW is its rate, whatever the gradient; the decay is a thousandth of it.
    moved = before - network.bias.detach()
    assert moved.numpy() == pytest.approx(np.array([1, -1, 1, -1, 1, -1]) * 0.0025, rel=2e-3)


def test_what_is_loaded_into_a_network_later_is_what_learns_on() -> None:
    network = torch.nn.Linear(4, 4)
    optimiser = Optimiser(network)
    network.load_state_dict({"weight": torch.eye(4), "bias": torch.zeros(4)})
    network(torch.ones(1, 4)).sum().backward()
    optimiser.step(0.001)
    assert (network.weight - torch.eye(4)).abs().max().item() < 0.01


def test_the_loss_is_relative_to_the_level_of_the_mixture() -> None:
    targets = torch.randn(2, 3, 2, 500, generator=torch.Generator().manual_seed(0))
    assert relative_errors(targets, targets).max().item() < 1e-4
    once, louder = (relative_errors(targets * gain * 0.5, targets * gain) for gain in (1, 10))
    assert once.numpy() == pytest.approx(louder.numpy(), rel=2e-3) and once.min() > 0
    mixture = torch.ones(1, 3, 2, 500) / 3
    # Every stem is wrong by the level of the mixture.
    assert relative_errors(mixture + 1, mixture).numpy() == pytest.approx(np.ones((1, 3)), abs=2e-3)


def test_the_loss_of_a_right_estimate_and_of_silence_has_a_gradient() -> None:
    for targets in (torch.ones(1, 3, 2, 50), torch.zeros(1, 3, 2, 50)):
        estimate = targets.clone().requires_grad_()
        relative_errors(estimate, targets).mean().backward()
        assert torch.isfinite(estimate.grad).all()
