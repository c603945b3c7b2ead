"""What a song can be played with beside a sound font: patches, resized instruments, computed ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import mido
import numpy as np
import pytest
from architectures import RATE
from recipe import FONT, contents_of, everything_in, run
from tunes import KEYS, STARTS, assert_tune, tune

from training.command import CommandError
from training.compose import compose_song
from training.render import fonts
from training.render.__main__ import main as render
from training.render.body import resized, restored
from training.render.channels import channels_of, of_channels
from training.render.enlarged import LEAST, MOST, PLUCKED, enlarged, given_to
from training.render.fading import faded
from training.render.fonts import find_font
from training.render.notes import notes_of
from training.render.strange import play_strange
from training.render.synthesizer import find_synthesizer, play
from training.render.variety import LOUDER, SOFTER, Variety, power, varied_others
from training.render.voices import Voice, modulated, string, synthesizer
from training.sound import read_sound
from training.stems import STEMS

PATCHES = "freepats.cfg"
# Standard, room, power, electronic, TR-808, dance, jazz, brush and orchestra.
KITS = (0, 8, 16, 24, 25, 26, 32, 40, 48)
# The keys that General MIDI 2 gives to drums.
DRUMS = range(27, 88)


def heard(song: mido.MidiFile, font: str, scratch: Path) -> np.ndarray:
    """What a font makes of it, (samples,)."""
    song.save(scratch / "tune.mid")
    found = find_font(font)
    samples = play(find_synthesizer(found), scratch / "tune.mid", found, scratch / "tune.wav")
    return samples.mean(1)


def centre(sound: np.ndarray) -> float:
    """Where the middle of the spectrum is, Hz."""
    spectrum = np.abs(np.fft.rfft(sound))
    return float((spectrum * np.fft.rfftfreq(len(sound), 1 / RATE)).sum() / spectrum.sum())


@pytest.mark.usefixtures("synthesizers")
@pytest.mark.parametrize("font", [FONT, PATCHES])
@pytest.mark.parametrize("semitones", [-6, 0, 6])
def test_a_resized_instrument_plays_the_same_notes(semitones: int, font: str, tmp_path: Path) -> None:
    sound = restored(
        np.repeat(heard(resized(tune(33), semitones), font, tmp_path)[:, None], 2, axis=1), semitones
    )
    assert_tune(sound.mean(1))


@pytest.mark.usefixtures("synthesizers")
def test_a_larger_instrument_is_darker_and_a_smaller_one_brighter(tmp_path: Path) -> None:
    larger, smaller = (
        restored(heard(resized(tune(73), semitones), FONT, tmp_path)[:, None], semitones)[:, 0]
        for semitones in (6, -6)
    )
    assert centre(larger) < centre(smaller)


def test_a_resized_part_keeps_the_keys_of_drums_and_stays_in_midis_range() -> None:
    notes = [(9, 36, 36), (0, 2, 8), (0, 125, 119), (0, 60, 54)]
    song = mido.MidiFile(type=0)
    song.tracks.append(mido.MidiTrack(mido.Message("note_on", channel=c, note=key) for c, key, _ in notes))
    made = [message.note for message in resized(song, -6).tracks[0] if message.type == "note_on"]
    assert made == [lower for _, _, lower in notes]


@pytest.mark.usefixtures("synthesizers")
def test_every_program_has_a_patch_that_sounds(tmp_path: Path) -> None:
    song = mido.MidiFile(type=0, ticks_per_beat=480)
    track = mido.MidiTrack()
    for program in range(128):
        track.append(mido.Message("program_change", program=program, time=480))
        track.append(mido.Message("note_on", note=60, velocity=127))
        track.append(mido.Message("note_off", note=60, time=480))
    song.tracks.append(track)
    sound = heard(song, PATCHES, tmp_path)
    silent = [
        program
        for program in range(128)
        if np.abs(sound[round((program + 0.5) * RATE) : round((program + 0.75) * RATE)]).max() < 1e-3
    ]
    assert silent == []


@pytest.mark.usefixtures("synthesizers")
def test_patches_share_no_instrument_that_lies_in_the_held_out_font() -> None:
    lines = find_font(PATCHES).read_text(encoding="utf-8").splitlines()
    named = dict(line.split() for line in lines if line[:1].isdigit())
    assert not {"Tone_000/069_English_Horn.pat", "Tone_000/079_Ocarina.pat"} & set(named.values())
    assert {"69", "79"} <= set(named)


@pytest.mark.parametrize("voice", [string, synthesizer, modulated])
def test_a_computed_voice_has_the_pitch_it_is_asked_for(
    voice: Callable[[np.random.Generator], Voice],
) -> None:
    times = np.arange(RATE // 2, dtype=np.float32) / RATE
    for seed in range(12):
        sound = voice(np.random.default_rng(seed))(55.0, times)
        assert sound.shape == times.shape and np.isfinite(sound).all() and np.abs(sound).max() > 0
        # Two waves out of tune, or an octave below, have one period in common that is longer.
        spectrum = np.abs(np.fft.rfft(sound[2000:] * np.hanning(len(sound) - 2000), 1 << 18))
        peaks = spectrum[: round(2000 * (1 << 18) / RATE)].argmax() * RATE / (1 << 18) / 27.5
        assert abs(peaks - round(peaks)) < 0.2


def test_a_computed_bass_plays_the_notes_of_its_part_and_each_draw_sounds_otherwise() -> None:
    sounds = [play_strange(tune(33), np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert np.array_equal(sounds[0], sounds[1]) and not np.array_equal(sounds[0], sounds[2])
    for sound in sounds:
        assert sound.dtype == np.float32 and sound.shape[1] == 2
        assert np.abs(sound).max() == pytest.approx(1)
        assert_tune(sound[:, 0])


def test_a_part_without_notes_has_no_computed_bass() -> None:
    empty = mido.MidiFile(type=0)
    empty.tracks.append(mido.MidiTrack())
    assert play_strange(empty, np.random.default_rng(1)).shape == (0, 2)


def test_a_computed_bass_follows_bends_and_tempi() -> None:
    song = tune(33)
    song.tracks[0].insert(0, mido.MetaMessage("set_tempo", tempo=1_000_000))
    song.tracks[0].insert(0, mido.Message("pitchwheel", pitch=4096))
    notes = list(notes_of(song))
    assert [(note.start, note.end, note.key) for note in notes] == [(1, 2, 46), (3, 4, 53)]


@pytest.mark.parametrize("seed", range(4))
def test_a_faded_bass_starts_each_note_anew_and_dies_away_before_the_next(seed: int) -> None:
    held = np.ones((round(2.5 * RATE), 2), np.float32)
    made = faded(held, tune(33), np.random.default_rng(seed))
    assert made.shape == held.shape and made.dtype == np.float32
    assert np.all(made[: round(0.49 * RATE)] == 1)
    for start, end in ((0.5, 1.49), (1.5, 2.5)):
        note = made[round(start * RATE) : round(end * RATE), 0]
        assert note[0] > 0.95
        assert np.all(np.diff(note) <= 0) and note[-1] < 0.8
    assert np.abs(np.diff(made[:, 0])).max() < 0.01


def test_a_faded_part_without_notes_stays_as_it_is() -> None:
    empty = mido.MidiFile(type=0)
    empty.tracks.append(mido.MidiTrack())
    for length in (0, 100):
        held = np.ones((length, 2), np.float32)
        assert np.array_equal(faded(held, empty, np.random.default_rng(1)), held)


def test_notes_that_begin_after_the_sound_has_ended_change_nothing() -> None:
    held = np.ones((round(0.45 * RATE), 2), np.float32)
    assert np.array_equal(faded(held, tune(33), np.random.default_rng(1)), held)


@pytest.mark.usefixtures("synthesizers")
@pytest.mark.parametrize("font", [FONT, PATCHES])
@pytest.mark.parametrize("seed", range(1, 4))
def test_an_enlarged_instrument_plays_the_same_notes(seed: int, font: str, tmp_path: Path) -> None:
    def by_font(part: mido.MidiFile) -> np.ndarray:
        return np.repeat(heard(part, font, tmp_path)[:, None], 2, axis=1)

    assert_tune(enlarged(by_font, tune(33), np.random.default_rng(seed)).mean(1))


def test_an_enlarged_instrument_is_a_plucked_one_of_smaller_strings() -> None:
    for seed in range(12):
        played: list[mido.MidiFile] = []

        def font(part: mido.MidiFile, played: list[mido.MidiFile] = played) -> np.ndarray:
            played.append(part)
            return np.ones((round(part.length * RATE), 2), np.float32)

        enlarged(font, duet(), np.random.default_rng(seed))
        [part] = played
        [program] = programs_of(part)
        assert program in PLUCKED
        lowest, usual = (min(note.key for note in notes_of(song)) for song in (part, duet()))
        assert LEAST <= lowest - usual <= MOST


def test_an_instrument_that_is_not_named_gives_way_to_an_enlarged_one_too() -> None:
    song = duet()
    song.tracks[0] = mido.MidiTrack(
        message for message in song.tracks[0] if message.type != "program_change" or message.channel == 3
    )
    part = given_to(46, song)
    named = {
        message.channel: message.program for message in part.tracks[0] if message.type == "program_change"
    }
    assert named == {0: 46, 3: 46}
    assert list(notes_of(part)) == list(notes_of(song))


@pytest.mark.parametrize(
    ("key", "semitones", "moved"), [(127, 19, 122), (127, 1, 116), (0, -1, 11), (3, -25, 2)]
)
def test_a_moved_note_stays_within_midi_s_range_by_octaves(key: int, semitones: int, moved: int) -> None:
    song = tune(33)
    for message in song.tracks[0]:
        if message.type in ("note_on", "note_off"):
            message.note = key
    song.tracks[0].insert(0, mido.MetaMessage("set_tempo", tempo=1))
    made = resized(song, semitones)
    assert {note.key for note in notes_of(made)} == {moved}
    assert all(message.tempo >= 1 for message in made.tracks[0] if message.type == "set_tempo")


def duet() -> mido.MidiFile:
    """`tune` on channel 0, and once more, an octave higher and a tenth of a second later, on channel 3."""
    song = tune(0)
    higher = tune(48, channel=3).tracks[0]
    for message in higher:
        if message.type in ("note_on", "note_off"):
            message.note += 12
    higher[0].time = 96
    song.tracks[0] = mido.merge_tracks([song.tracks[0], higher])
    return song


def test_the_notes_of_one_channel_keep_their_times_and_the_file_its_length() -> None:
    song = duet()
    assert channels_of(song) == [0, 3]
    for channel, octave, later in ((0, 0, 0.0), (3, 12, 0.1)):
        part = of_channels(song, [channel])
        assert channels_of(part) == [channel]
        assert part.length == pytest.approx(song.length)
        assert [note.key for note in notes_of(part)] == [key + octave for key in KEYS]
        assert [note.start for note in notes_of(part)] == pytest.approx([start + later for start in STARTS])
    silent = of_channels(song, [])
    assert channels_of(silent) == [] and silent.length == pytest.approx(song.length)


def test_without_a_share_the_font_plays_all_others() -> None:
    played = np.ones((RATE, 2), np.float32)
    heard: list[mido.MidiFile] = []

    def font(part: mido.MidiFile) -> np.ndarray:
        heard.append(part)
        return played

    song = duet()
    assert varied_others(font, song, Variety(), np.random.default_rng(1)) is played
    assert heard == [song]


def test_a_computed_instrument_stands_for_the_font_s_and_is_about_as_loud() -> None:
    quiet = np.float32(0.01)
    seen = set()
    for seed in range(12):
        heard: list[list[int]] = []

        def font(part: mido.MidiFile, heard: list[list[int]] = heard) -> np.ndarray:
            heard.append(channels_of(part))
            return np.full((3 * RATE, 2), quiet * len(channels_of(part)) ** 0.5)

        made = varied_others(font, duet(), Variety(computed_others=0.5), np.random.default_rng(seed))
        assert made.ndim == 2 and made.shape[1] == 2 and np.isfinite(made).all()
        [by_font] = heard
        seen.add(tuple(by_font))
        if len(by_font) == 1:
            own = made - np.pad(font(of_channels(duet(), by_font)), ((0, len(made) - 3 * RATE), (0, 0)))
            # Both instruments play as many notes, as long and as hard.
            times = power(own) / power(font(of_channels(duet(), by_font)))
            assert SOFTER - 0.01 <= 20 * np.log10(times) <= LOUDER + 0.01
            assert np.abs(own[: round(STARTS[0] * RATE) - 1]).max() < 1e-6
    assert seen == {(0,), (3,), (0, 3)}


def test_an_enlarged_instrument_stands_for_another_and_is_about_as_loud() -> None:
    seen = set()
    for seed in range(12):
        heard: list[mido.MidiFile] = []

        def font(part: mido.MidiFile, heard: list[mido.MidiFile] = heard) -> np.ndarray:
            heard.append(part)
            return np.full((round(part.length * RATE), 2), np.float32(0.01 * len(channels_of(part)) ** 0.5))

        made = varied_others(font, duet(), Variety(enlarged_others=0.5), np.random.default_rng(seed))
        known, *larger = heard
        kept = channels_of(known)
        seen.add((*kept, len(larger)))
        for part in larger:
            [channel] = channels_of(part)
            assert programs_of(part) <= set(PLUCKED) and (channel not in kept or len(larger) == 2)
            lowest, usual = (
                min(note.key for note in notes_of(of_channels(song, [channel]))) for song in (part, duet())
            )
            assert LEAST <= lowest - usual <= MOST
        if kept != [0, 3]:
            familiar = font(of_channels(duet(), kept))
            length = max(len(made), len(familiar))
            own = np.pad(made, ((0, length - len(made)), (0, 0)))
            own = own - np.pad(familiar, ((0, length - len(familiar)), (0, 0)))
            assert SOFTER - 0.1 <= 20 * np.log10(power(own) / power(familiar)) <= LOUDER + 0.1
    assert seen == {(0, 3, 0), (0, 1), (3, 1), (0, 3, 2)}


def programs_of(part: mido.MidiFile) -> set[int]:
    """The instruments that a part names."""
    return {message.program for message in part.tracks[0] if message.type == "program_change"}


def test_others_that_are_all_computed_have_nothing_of_the_font() -> None:
    def font(part: mido.MidiFile) -> np.ndarray:
        return np.ones((round(part.length * RATE), 2), np.float32)

    made = varied_others(font, duet(), Variety(computed_others=1), np.random.default_rng(3))
    assert power(made) > 0 and np.abs(made[: round(STARTS[0] * RATE)]).max() == 0
    assert varied_others(font, tune(0), Variety(computed_others=1), np.random.default_rng(3)).any()


@pytest.mark.usefixtures("synthesizers")
def test_no_drum_is_what_the_system_would_play_it_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    track = mido.MidiTrack()
    for kit in KITS:
        track.append(mido.Message("program_change", channel=9, program=kit, time=60))
        for key in DRUMS:
            for kind in ("note_on", "note_off"):
                track.append(mido.Message(kind, channel=9, note=key, velocity=100, time=30))
    song = mido.MidiFile(tracks=[track])
    as_it_is = heard(song, PATCHES, tmp_path)
    # A configuration of the person's, read before ours as the system's is: a vibraslap for every drum.
    slap = "/usr/share/midi/freepats/Drum_000/058_Vibra-Slap.pat"
    kit_of_slaps = "".join(f"{key} {slap}\n" for key in DRUMS)
    (tmp_path / ".timidity.cfg").write_text("".join(f"drumset {kit}\n{kit_of_slaps}" for kit in KITS))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert np.array_equal(heard(song, PATCHES, tmp_path), as_it_is)


@pytest.mark.usefixtures("synthesizers")
def test_a_seed_decides_what_varies(tmp_path: Path) -> None:
    songs = tmp_path / "songs"
    songs.mkdir()
    compose_song(3, 0, 5).save(songs / "00000.mid")
    told = {
        "plain": [],
        "one": ["--resized", "1", "--computed", "1"],
        "again": ["--resized", "1", "--computed", "1", "--workers", "2"],
        "other": ["--resized", "1", "--computed", "1", "--seed", "2"],
        "faded": ["--faded", "1"],
        "enlarged": ["--enlarged", "1"],
        "strange": ["--computed-others", "1"],
        "large": ["--enlarged-others", "1"],
    }
    for name, options in told.items():
        out = str(tmp_path / name)
        assert render([str(songs), out, "--font", PATCHES, "--seconds", "6", *options]) == 0
    made = {name: contents_of(tmp_path / name / "00000") for name in told}
    assert made["one"] == made["again"]
    assert made["one"] != made["other"] and made["one"] != made["plain"]
    assert made["faded"] != made["plain"] and made["enlarged"] not in (made["plain"], made["faded"])
    # One gain for all stems keeps their sum from clipping, so that those left alone are alike but for it.
    for changed in ("strange", "large"):
        alike = {}
        for stem in STEMS:
            one, other = (
                read_sound(tmp_path / name / "00000" / f"{stem}.wav")[:, 0] for name in ("plain", changed)
            )
            alike[stem] = np.corrcoef(one, other[: len(one)])[0, 1]
        assert alike["drums"] > 0.999 and alike["bass"] > 0.999 and alike["other"] < 0.9


def test_without_timidity_rendering_names_the_package_and_makes_nothing(tmp_path: Path) -> None:
    songs = tmp_path / "songs"
    songs.mkdir()
    compose_song(3, 0, 5).save(songs / "00000.mid")
    ran = run("render", songs, tmp_path / "out", "--font", PATCHES, path=str(tmp_path))
    assert (ran.code, ran.sentence) == (1, "TiMidity++ is not installed. On Debian: apt install timidity.")
    assert everything_in(tmp_path) == ["songs", "songs/00000.mid"]


@pytest.mark.parametrize("name", [PATCHES, os.path.relpath(fonts.FREEPATS)])
def test_without_freepats_rendering_names_the_package(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "PATCHES", tmp_path / "none.cfg")
    with pytest.raises(CommandError, match=r"^The patches of .*freepats\.cfg .* apt install freepats\.$"):
        find_font(name)


@pytest.mark.usefixtures("synthesizers")
@pytest.mark.parametrize("line", ["source /nowhere/none.cfg", "bank 0\n0 /nowhere/none.pat"])
def test_patches_that_are_not_there_are_told(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    songs = tmp_path / "songs"
    songs.mkdir()
    tune(0).save(songs / "00000.mid")
    (tmp_path / "own.cfg").write_text(f"{line}\n", encoding="utf-8")
    arguments = [str(songs), str(tmp_path / "out"), "--font", str(tmp_path / "own.cfg")]
    assert render(arguments) == 1
    sentence = capsys.readouterr().err.splitlines()[-1]
    assert sentence.startswith("TiMidity++ could not play ") and "/nowhere/none" in sentence
    assert everything_in(tmp_path / "out") == []
