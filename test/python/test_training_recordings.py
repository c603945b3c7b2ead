"""Songs played on instruments that were recorded note by note."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from architectures import RATE
from recipe import FONT, contents_of, everything_in, run
from tunes import KEYS, assert_tune, pitch, tune

from training.command import CommandError
from training.compose import compose_song
from training.render import strange
from training.render.__main__ import main as render
from training.render.notes import notes_of
from training.render.recorded import note_in, recorded
from training.render.recordings import Instrument, find_instruments
from training.render.strange import RECORDED, drawn, play_strange

# Samples a second of the recordings, another than the songs': speeds have to count with it.
RECORDED_RATE = 48_000
# Seconds of silence before a note, and of the note.
SILENCE, HELD = 0.3, 2.0


def record(path: Path, key: int) -> Path:
    """A recording of one note, two sides, its harmonics softer and softer."""
    times = np.arange(round(HELD * RECORDED_RATE)) / RECORDED_RATE
    frequency = 440 * 2 ** ((key - 69) / 12)
    tone = sum(np.sin(2 * np.pi * frequency * number * times) / number for number in range(1, 9))
    sides = np.stack([0.3 * tone, 0.1 * tone], axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    silence = np.zeros((round(SILENCE * RECORDED_RATE), 2))
    soundfile.write(path, np.concatenate([silence, sides]), RECORDED_RATE)
    return path


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A bass of two notes and another instrument of one, near the tune's keys."""
    folder = tmp_path / "recordings"
    record(folder / "bass" / "a bass" / "E1.wav", 28)
    record(folder / "bass" / "a bass" / "As2.flac", 46)
    record(folder / "other" / "a harp" / "C4.mp3", 60)
    return folder


def test_notes_are_known_by_their_names_and_other_files_left_alone(recordings: Path) -> None:
    harp = recordings / "other" / "a harp"
    for name in ("F#3", "Gb3", "Cs-1", "A9"):
        record(harp / f"{name}.wav", 60)
    for name in ("F2 v2.mp3", "H2.wav", "c3.wav", "D4.txt", "README.md"):
        (harp / name).write_text("no sound", encoding="utf-8")
    (recordings / "other" / "empty").mkdir()
    (recordings / "other" / "notes.txt").write_text("no instrument", encoding="utf-8")
    found = find_instruments(recordings)
    assert [[key for key, _ in each.notes] for each in found.bass] == [[28, 46]]
    assert [[key for key, _ in each.notes] for each in found.other] == [[1, 54, 54, 60, 129]]


@pytest.mark.parametrize("made", [[], ["bass"], ["bass/empty", "other"]])
def test_a_folder_without_instruments_is_told_and_nothing_is_made(made: list[str], tmp_path: Path) -> None:
    songs, folder = tmp_path / "songs", tmp_path / "none"
    songs.mkdir()
    tune(0).save(songs / "00000.mid")
    for name in made:
        (folder / name).mkdir(parents=True)
    with pytest.raises(CommandError, match=r"holds no recorded instrument\. Give a folder of files like "):
        find_instruments(folder)
    before = everything_in(tmp_path)
    ran = run("render", songs, tmp_path / "out", "--font", FONT, "--recordings", folder)
    assert ran.code == 1 and ran.sentence.startswith(f"{folder} holds no recorded instrument.")
    assert everything_in(tmp_path) == before


def test_a_recorded_voice_has_the_pitch_it_is_asked_for_from_the_first_sample(recordings: Path) -> None:
    [bass] = find_instruments(recordings).bass
    times = np.arange(RATE // 2, dtype=np.float32) / RATE
    for seed in range(4):
        for key in (20.0, 28.0, 40.5, 58.0):
            frequency = 440 * 2 ** ((key - 69) / 12)
            sound = recorded(bass, np.random.default_rng(seed))(frequency, times)
            assert sound.shape == times.shape
            assert np.abs(sound[:1000]).max() > 0.1
            assert pitch(sound, frequency) == pytest.approx(frequency, rel=0.02)


def test_a_shorter_note_is_the_beginning_of_a_longer_one_and_a_long_one_ends(recordings: Path) -> None:
    [bass] = find_instruments(recordings).bass
    times = np.arange(8 * RATE, dtype=np.float32) / RATE
    for frequency in (30.0, 100.0):
        voice = recorded(bass, np.random.default_rng(1))
        whole, beginning = voice(frequency, times), voice(frequency, times[:20_000])
        assert np.allclose(whole[:20_000], beginning, atol=1e-4)
        assert np.abs(whole[RATE // 2 : RATE]).max() > 0.1 and np.abs(whole[7 * RATE :]).max() == 0


@pytest.mark.parametrize("samples", [np.zeros((0, 2)), np.zeros((1000, 1))])
def test_an_empty_or_silent_recording_is_silence(samples: np.ndarray, tmp_path: Path) -> None:
    record(tmp_path / "bass" / "mute" / "E1.wav", 28)
    soundfile.write(tmp_path / "bass" / "mute" / "E1.wav", samples, RATE)
    [mute] = find_instruments(tmp_path).bass
    times = np.arange(RATE, dtype=np.float32) / RATE
    sound = recorded(mute, np.random.default_rng(1))(55.0, times)
    assert sound.shape == times.shape and not sound.any()


def test_a_recording_whose_samples_are_no_numbers_is_refused(tmp_path: Path) -> None:
    path = record(tmp_path / "E1.wav", 28)
    soundfile.write(path, np.full((1000, 1), np.nan), RATE, subtype="FLOAT")
    with pytest.raises(CommandError, match=r"E1\.wav holds samples that are no numbers\.$"):
        note_in(path)


def test_a_larger_body_is_another_recording_of_the_same_pitch(recordings: Path) -> None:
    [bass] = find_instruments(recordings).bass
    times = np.arange(RATE, dtype=np.float32) / RATE
    # Between its two recordings, either may be the nearest.
    sounds = [recorded(bass, np.random.default_rng(seed))(73.4, times) for seed in range(8)]
    levels = {round(float(np.abs(sound[-200:]).max()), 3) for sound in sounds}
    assert len(levels) == 2


def test_some_instruments_are_recorded_where_a_recording_reaches_the_notes(recordings: Path) -> None:
    near = find_instruments(recordings).bass
    far = (Instrument(tuple((key + 40, path) for key, path in near[0].notes)),)
    assert near[0].reaches(KEYS[0]) and not far[0].reaches(KEYS[1])
    notes = list(notes_of(tune(33)))

    def are_recorded(instruments: tuple[Instrument, ...]) -> list[bool]:
        drawn_ones = (drawn(notes, np.random.default_rng(seed), instruments) for seed in range(200))
        return [voice.__qualname__.startswith(recorded.__name__) for voice in drawn_ones]

    assert not any(are_recorded(())) and not any(are_recorded(far))
    assert np.mean(are_recorded(near)) == pytest.approx(RECORDED, abs=0.1)


def test_a_recorded_instrument_plays_the_notes_of_its_part(
    recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strange, "RECORDED", 1.0)
    bass = find_instruments(recordings).bass
    for seed in range(4):
        sound = play_strange(tune(33), np.random.default_rng(seed), bass)
        assert sound.dtype == np.float32 and np.abs(sound).max() == pytest.approx(1)
        assert_tune(sound[:, 0])


@pytest.mark.usefixtures("synthesizers")
def test_a_seed_decides_what_is_recorded(recordings: Path, tmp_path: Path) -> None:
    songs = tmp_path / "songs"
    songs.mkdir()
    compose_song(3, 0, 5).save(songs / "00000.mid")
    shares = ["--computed", "1", "--computed-others", "1"]
    told = {
        "without": shares,
        "one": [*shares, "--recordings", str(recordings)],
        "again": [*shares, "--recordings", str(recordings), "--workers", "2"],
        "unasked": ["--recordings", str(recordings)],
        "plain": [],
    }
    for name, options in told.items():
        out = str(tmp_path / name)
        assert render([str(songs), out, "--font", FONT, "--seconds", "6", *options]) == 0
    made = {name: contents_of(tmp_path / name / "00000") for name in told}
    assert made["one"] == made["again"] and made["one"] != made["without"]
    assert made["unasked"] == made["plain"]


@pytest.mark.usefixtures("synthesizers")
@pytest.mark.parametrize("content", [b"", b"RIFF0000WAVE", b"no sound at all"])
def test_a_broken_recording_is_told_and_nothing_half_made_is_left(
    content: bytes, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    songs = tmp_path / "songs"
    songs.mkdir()
    tune(33).save(songs / "00000.mid")
    for path in (recordings / "bass" / "a bass").iterdir():
        path.write_bytes(content)
    asked = [str(songs), str(tmp_path / "out"), "--font", FONT, "--computed", "1", "--recordings"]
    # Not every seed draws the recorded bass.
    for seed in range(20):
        if render([*asked, str(recordings), "--seed", str(seed)]) != 0:
            sentence = capsys.readouterr().err.splitlines()[-1]
            assert (
                ".wav cannot be read as sound: " in sentence or ".flac cannot be read as sound: " in sentence
            )
            assert everything_in(tmp_path / "out") == []
            return
        (tmp_path / "out" / "00000").rename(tmp_path / f"song {seed}")
    pytest.fail("No seed drew the recorded bass.")
