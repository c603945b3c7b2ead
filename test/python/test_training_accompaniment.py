"""Songs that Musical MIDI Accompaniment plays: their charts, their bands, and what they hold."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import mido
import numpy as np
import pytest

from training.command import CommandError
from training.compose import compose_song
from training.compose.__main__ import main as compose
from training.compose.accompaniment import band, grooves
from training.compose.accompaniment.band import instrument, played_by_band
from training.compose.accompaniment.chart import chart, name_of
from training.compose.accompaniment.grooves import Grooves, grooves_of, library
from training.compose.harmony import QUALITIES, Chord, chord_from
from training.compose.midi_file import TICKS
from training.compose.score import METERS, Section, Span
from training.render.stem_midi import split_by_stem

STYLE = Grooves("3/4", ("Waltz",), ("WaltzFill",), ("WaltzEnd",))


def section_of(tokens: str, *, final: bool = False) -> Section:
    """Three bars of three quarters, a chord each, the last of them changing on its third beat."""
    chords = [chord_from(token, 0, "major") for token in tokens.split()]
    starts = (0.0, 3.0, 6.0, 8.0)
    spans = tuple(
        Span(start, end - start, chord)
        for start, end, chord in zip(starts, (*starts[1:], 9.0), chords, strict=True)
    )
    return Section("A", 0.0, 3, METERS["3/4"], 1.0, spans, final)


def song(index: int) -> mido.MidiFile:
    return compose_song(7, index, 12.0, accompanied=1)


def bytes_of(file: mido.MidiFile) -> bytes:
    content = io.BytesIO()
    file.save(file=content)
    return content.getvalue()


def test_a_style_tells_what_goes_on_what_leads_on_and_what_ends() -> None:
    text = "Time 3\nDefGroove Waltz  a waltz\n  DefGroove  WaltzSus\ndefgroove WaltzFill1\n" + "".join(
        f"DefGroove Waltz{name}\n" for name in ("Intro", "Intro8", "End", "End2", "Sus")
    )
    expected = Grooves("3/4", ("Waltz", "WaltzSus"), ("WaltzFill1",), ("WaltzEnd", "WaltzEnd2"))
    assert grooves_of(text) == expected


@pytest.mark.parametrize(
    "text", ["", "Time 3\n", "Time 3\nTime 4\nDefGroove A\n", "Time 7\nDefGroove A\n", "DefGroove A\n"]
)
def test_a_file_without_grooves_or_of_another_metre_is_no_style(text: str) -> None:
    assert grooves_of(text) is None


@pytest.mark.usefixtures("synthesizers")
def test_the_library_has_many_styles_in_both_metres() -> None:
    counted = Counter(style.meter for style in library())
    assert counted["4/4"] > 50 and counted["3/4"] > 5
    assert sum(len(style.steady) for style in library()) > 400


def test_a_chart_tells_the_chord_of_every_beat() -> None:
    lines = chart(np.random.default_rng(0), STYLE, [section_of("0 9m7 2M7 77")], seed=5).splitlines()
    assert lines[:4] == ["RndSeed 5", "Groove Waltz", "1 C / /", "1 Am7 / /"]
    assert lines[-1] == "1 DM7 / G7" and lines[4:-1] in ([], ["Groove WaltzFill"])


def test_some_sections_lead_on_with_a_fill_and_some_songs_have_an_end() -> None:
    charts = [
        chart(
            np.random.default_rng(seed), STYLE, [section_of("0 0 0 0"), section_of("0 0 0 0", final=True)], 1
        )
        for seed in range(40)
    ]
    assert 5 < sum("WaltzFill" in text for text in charts) < 35
    assert 5 < sum("WaltzEnd" in text for text in charts) < 35
    # An end is the last bar's; each section has three bars, and its groove first.
    assert all(text.count("\n1 ") == 6 and text.count("Groove Waltz\n") == 2 for text in charts)
    ended = [text.splitlines() for text in charts if "WaltzEnd" in text]
    assert all(lines[-2] == "Groove WaltzEnd" and lines.count("Groove WaltzEnd") == 1 for lines in ended)


@pytest.mark.usefixtures("synthesizers")
def test_every_quality_of_the_composer_has_a_name_that_mma_knows() -> None:
    names = [name_of(chord_from(f"0{quality}", 0, "major")) for quality in QUALITIES]
    # None falls back to another's.
    assert len(set(names)) == len(names)
    bars = "".join(f"1 {name} / {name} /\n" for name in names)
    tracks = played_by_band(np.random.default_rng(0), f"Groove Folk\n{bars}", 4.0 * len(names))
    assert tracks
    assert name_of(Chord(1, (0, 4, 7, 6), (0, 2))) == "Db" and name_of(Chord(6, (0, 1), (0,))) == "F#"


@pytest.mark.usefixtures("synthesizers")
def test_a_song_is_the_same_for_the_same_arguments_and_another_for_others() -> None:
    assert bytes_of(song(0)) == bytes_of(song(0)) != bytes_of(song(1))


@pytest.mark.usefixtures("synthesizers")
def test_songs_have_all_stems_mostly_and_last_as_long_as_asked() -> None:
    heard = Counter()
    for index in range(12):
        file = song(index)
        (tempo,) = (message.tempo for message in file.tracks[0] if message.type == "set_tempo")
        assert abs(file.length - 12) <= 4 * tempo / 1e6
        assert (
            file.ticks_per_beat == TICKS and len({sum(m.time for m in track) for track in file.tracks}) == 1
        )
        for stem, part in split_by_stem(file).items():
            heard[stem] += any(message.type == "note_on" for message in part.tracks[0])
    assert min(heard.values()) >= 7 and len(heard) == 3


@pytest.mark.usefixtures("synthesizers")
def test_nothing_sounds_beyond_the_end() -> None:
    tracks = played_by_band(np.random.default_rng(0), "Groove Swing\n" + "1 C\n" * 4, 8.0)
    for track in tracks:
        assert sum(message.time for message in track) == 8 * TICKS
        assert track[-1].type == "control_change" and track[-1].control == 123
    assert {track.name for track in tracks} >= {"Drum", "Bass", "Chord"}


def test_a_band_s_bass_is_played_by_a_bass_and_an_orchestra_s_as_written() -> None:
    rng = np.random.default_rng(0)
    assert {instrument(rng, "Bass-2", 26) for _ in range(200)} == set(range(32, 40))
    kept = Counter(instrument(rng, "WALK", 33) for _ in range(200))
    assert kept[33] > 100 and set(kept) == set(range(32, 40))
    others = Counter(instrument(rng, "Chord", 26) for _ in range(200))
    assert others[26] > 100 and set(others) == set(range(24, 32))
    assert set(range(56, 64)) == {instrument(rng, "Bass-Trp", 56) for _ in range(200)}


@pytest.mark.usefixtures("synthesizers")
def test_a_song_that_mma_refuses_is_told_by_what_it_said() -> None:
    with pytest.raises(
        CommandError, match=r"^mma could not play a song: <Line 1> <File:song.mma> Groove 'NOSUCHGROOVE'"
    ):
        played_by_band(np.random.default_rng(0), "Groove NoSuchGroove\n1 C\n", 4.0)


def test_without_mma_the_command_names_its_package_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = "Musical MIDI Accompaniment is not installed. On Debian: apt install mma."
    arguments = [str(tmp_path / "out"), "--songs", "1", "--accompanied", "1"]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert compose(arguments) == 1
    assert capsys.readouterr().err.splitlines()[-1] == expected
    assert list((tmp_path / "out").iterdir()) == []
    # Songs of our own need none.
    assert compose([str(tmp_path / "out"), "--songs", "1"]) == 0


def test_without_its_library_mma_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grooves, "LIBRARY", tmp_path)
    library.cache_clear()
    with pytest.raises(CommandError, match="On Debian: apt install mma"):
        library()
    library.cache_clear()


@pytest.mark.usefixtures("synthesizers")
def test_mma_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(band, "TIME_LIMIT", 0.01)
    with pytest.raises(CommandError, match="took more than"):
        played_by_band(np.random.default_rng(0), "Groove Folk\n1 C\n", 4.0)
