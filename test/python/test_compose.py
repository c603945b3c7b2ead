"""The composer of the starter model's songs: repeatable, valid, as varied as asked, and safe to interrupt."""

import errno
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import mido
import pytest

from training.compose import compose_song
from training.compose.__main__ import main
from training.compose.song_file import write_song
from training.compose.styles import STYLES

SONGS = 80
SECONDS = 10
BASSES = range(32, 40)


class Heard:
    """What a listener gathers from a song: its notes per stem, and what was wrong with it."""

    def __init__(self, song: mido.MidiFile) -> None:
        self.song = song
        self.keys: dict[str, list[int]] = defaultdict(list)
        self.first: float = song.length
        self.wrong: list[str] = []
        programs: dict[int, int] = {}
        sounding: set[tuple[int, int]] = set()
        now = 0.0
        for message in song:
            now += message.time
            if message.type == "program_change":
                programs[message.channel] = message.program
            elif message.type == "note_on":
                key = (message.channel, message.note)
                if message.channel not in programs or key in sounding or message.velocity == 0:
                    self.wrong.append(str(message))
                sounding.add(key)
                self.first = min(self.first, now)
                self.keys[self.stem(message.channel, programs)].append(message.note)
            elif message.type == "note_off":
                sounding.discard((message.channel, message.note))
        self.wrong += [f"{key} never ends" for key in sounding]

    def stem(self, channel: int, programs: dict[int, int]) -> str:
        if channel == 9:
            return "drums"
        return "bass" if programs[channel] in BASSES else "other"


@pytest.fixture(scope="module")
def heard() -> list[Heard]:
    return [Heard(compose_song(5, index, SECONDS)) for index in range(SONGS)]


def share(heard: list[Heard], stem: str) -> float:
    return sum(bool(song.keys[stem]) for song in heard) / len(heard)


def test_the_same_seed_and_index_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        compose_song(3, 7, 12).save(tmp_path / name)
    compose_song(3, 8, 12).save(tmp_path / "c")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()


def test_every_note_is_valid_and_ends(heard: list[Heard]) -> None:
    for song in heard:
        assert song.wrong == []
        assert song.song.type == 1
        assert len(song.song.tracks) <= 17


def test_a_song_lasts_about_what_was_asked_and_begins_at_once(heard: list[Heard]) -> None:
    for song in heard:
        assert abs(song.song.length - SECONDS) < 4
        assert song.first < 4


def test_every_stem_is_in_most_songs_but_not_in_all(heard: list[Heard]) -> None:
    assert 0.7 <= share(heard, "drums") < 1
    assert 0.7 <= share(heard, "bass") < 1
    assert 0.85 <= share(heard, "other") <= 1


def test_the_bass_stays_in_its_register_and_the_rest_goes_below_it(heard: list[Heard]) -> None:
    assert all(20 <= key <= 72 for song in heard for key in song.keys["bass"])
    low = [song for song in heard if song.keys["other"] and min(song.keys["other"]) < 40]
    assert len(low) > len(heard) * 0.4
    assert any(song.keys["bass"] for song in low)


def test_in_clear_songs_nothing_else_plays_as_low_as_the_bass() -> None:
    clear = [Heard(compose_song(5, index, SECONDS, clear=1)) for index in range(40)]
    assert all(48 <= key <= 108 for song in clear for key in song.keys["other"])
    assert all(song.wrong == [] for song in clear)
    assert share(clear, "bass") > 0.7
    assert share(clear, "other") > 0.8


def test_songs_of_loops_have_all_stems_and_nothing_low_but_the_bass() -> None:
    loops = [Heard(compose_song(5, index, SECONDS, loops=1)) for index in range(40)]
    assert [song.wrong for song in loops] == [[]] * len(loops)
    assert all(set(song.keys) == {"drums", "bass", "other"} for song in loops)
    assert all(24 <= key <= 72 for song in loops for key in song.keys["bass"])
    assert all(36 <= key <= 108 for song in loops for key in song.keys["other"])
    assert all(abs(song.song.length - SECONDS) < 4 for song in loops)
    assert len({tuple(song.keys["bass"]) for song in loops}) == len(loops)


@pytest.mark.parametrize("kind", ["clear", "loops", "accompanied"])
@pytest.mark.usefixtures("synthesizers")
def test_a_share_leaves_the_other_songs_of_the_collection_as_they_are(tmp_path: Path, kind: str) -> None:
    same = 0
    for index in range(20):
        compose_song(5, index, 5).save(tmp_path / "a")
        compose_song(5, index, 5, **{kind: 0.5}).save(tmp_path / "b")
        same += (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert 5 <= same <= 15


def test_channels_carry_one_stem(heard: list[Heard]) -> None:
    for song in heard:
        families = defaultdict(set)
        for message in song.song:
            if message.type == "program_change" and message.channel != 9:
                families[message.channel].add(message.program in BASSES)
        assert all(len(family) == 1 for family in families.values())


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_no_role_of_a_style_is_played_by_a_bass(style) -> None:  # noqa: ANN001
    assert all(program not in BASSES for role in style.roles for program in role.programs)
    assert all(program in BASSES for program in style.basses)


def test_files_are_kept_and_only_missing_ones_composed(tmp_path: Path) -> None:
    assert main([str(tmp_path), "--songs", "1", "--seconds", "5"]) == 0
    (tmp_path / "00000.mid").write_bytes(b"kept")
    assert main([str(tmp_path), "--songs", "2", "--seconds", "5", "--workers", "2"]) == 0
    assert (tmp_path / "00000.mid").read_bytes() == b"kept"
    compose_song(1, 1, 5).save(tmp_path / "alone")
    assert (tmp_path / "00001.mid").read_bytes() == (tmp_path / "alone").read_bytes()


def test_it_runs_as_a_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "training.compose", str(tmp_path), "--songs", "1", "--seconds", "5"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert (ran.returncode, [path.name for path in tmp_path.iterdir()]) == (0, ["00000.mid"]), ran.stderr


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: mido.MidiFile, path: Path) -> None:
        Path(path).write_bytes(b"MThd")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(mido.MidiFile, "save", full)
    with pytest.raises(OSError, match="No space left"):
        write_song(tmp_path / "00000.mid", 1, 0, 6, clear=0, loops=0, accompanied=0)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    assert main([str(tmp_path / "file" / "songs"), "--songs", "1"]) == 1
    folder = tmp_path / "file" / "songs"
    message = f"A file cannot be read or written ({folder}): Not a directory.\n"
    assert capsys.readouterr().err == message


@pytest.mark.parametrize(
    "wrong",
    [
        ["--songs", "0"],
        ["--seed", "-1"],
        ["--seconds", "1"],
        ["--seconds", "nan"],
        ["--workers", "x"],
        ["--clear", "2"],
    ],
)
def test_bad_arguments_are_refused(tmp_path: Path, wrong: list[str], capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as refused:
        main([str(tmp_path / "out"), *wrong])
    assert refused.value.code == 2
    assert wrong[0] in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
