"""A sound font to learn from, in which what the held-out one holds is silent."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from recipe import HELD_OUT

from training.purge.__main__ import main as purge
from training.purge.sound_font import read_sound_font
from training.render.fonts import find_font

RNG = np.random.default_rng(0)
OWN, SHARED, LATER = (RNG.integers(-20_000, 20_000, 500).astype("<i2") for _ in range(3))
QUIET = np.zeros(500, "<i2")
IN_ROM = 0x8001


def chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def sound_font(
    path: Path, samples: dict[str, np.ndarray], *, deep: bool = False, kind: int = 1, lacking: int = 0
) -> Path:
    """A sound font of samples and no instrument; `deep`: of 24 bits, but for the `lacking` third bytes."""
    values, headers, first = b"", b"", 0
    for name, sample in samples.items():
        # 46 values of silence follow each sample.
        values += sample.tobytes() + bytes(92)
        end = first + len(sample)
        headers += struct.pack("<20sIIII", name.encode(), first, end, first, end)
        headers += struct.pack("<IBbHH", 44_100, 60, 0, 0, kind)
        first = end + 46
    headers += struct.pack("<20s26x", b"EOS")
    low = chunk(b"sm24", b"\x07" * (len(values) // 2 - lacking)) if deep else b""
    body = b"sfbk" + chunk(b"LIST", b"INFO" + chunk(b"INAM", b"odd"))
    body += chunk(b"LIST", b"sdta" + chunk(b"smpl", values) + low)
    body += chunk(b"LIST", b"pdta" + chunk(b"shdr", headers))
    path.write_bytes(chunk(b"RIFF", body))
    return path


def values_of(path: Path) -> dict[str, np.ndarray]:
    font = read_sound_font(path)
    return {sample.name: np.frombuffer(font.bytes_of(sample), "<i2") for sample in font.samples}


@pytest.mark.parametrize("deep", [False, True], ids=["16 bit", "24 bit"])
def test_what_both_hold_is_silent_and_the_rest_as_it_was(
    deep: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held_out = sound_font(tmp_path / "held.sf2", {"Theirs": SHARED, "Long": LATER, "Hush": QUIET})
    samples = {
        "Own": OWN,
        "Mine": SHARED,
        "Cut": LATER[200:300],
        "Longer": np.append(OWN[:90], LATER),
        "Pause": QUIET,
    }
    font = sound_font(tmp_path / "font.sf2", samples, deep=deep)
    before = font.read_bytes()
    assert purge([str(font), str(tmp_path / "out.sf2"), "--held-out", str(held_out)]) == 0
    assert capsys.readouterr().out == "3 of 5 samples are silent: Mine, Cut, Longer.\n"
    assert font.read_bytes() == before
    left = values_of(tmp_path / "out.sf2")
    assert list(left) == list(samples)
    assert np.array_equal(left["Own"], OWN)
    assert all(not left[name].any() for name in ("Mine", "Cut", "Longer", "Pause"))
    changed = np.flatnonzero(
        np.frombuffer(before, "u1") != np.frombuffer((tmp_path / "out.sf2").read_bytes(), "u1")
    )
    read = read_sound_font(font)
    data = [read.values, read.low_bytes]
    assert all(any(first <= place < end for first, end in data) for place in changed)
    # A third byte for each value of the three.
    low = range(*read.low_bytes)
    assert sum(place in low for place in changed) == (500 + 100 + 590 if deep else 0)


def test_nothing_in_common_leaves_the_font_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held_out = sound_font(tmp_path / "held.sf2", {"Theirs": SHARED})
    font = sound_font(tmp_path / "font.sf2", {"Own": OWN})
    assert purge([str(font), str(tmp_path / "out.sf2"), "--held-out", str(held_out)]) == 0
    assert capsys.readouterr().out == "0 of 1 samples are silent.\n"
    assert (tmp_path / "out.sf2").read_bytes() == font.read_bytes()


def test_third_bytes_that_are_too_few_are_none_and_stay(tmp_path: Path) -> None:
    held_out = sound_font(tmp_path / "held.sf2", {"Theirs": SHARED})
    font = sound_font(tmp_path / "font.sf2", {"Mine": SHARED}, deep=True, lacking=100)
    assert purge([str(font), str(tmp_path / "out.sf2"), "--held-out", str(held_out)]) == 0
    before, after = font.read_bytes(), (tmp_path / "out.sf2").read_bytes()
    assert after == before.replace(SHARED.tobytes(), bytes(2 * len(SHARED))) != before


def test_samples_of_a_chip_are_not_looked_for_in_the_file(tmp_path: Path) -> None:
    assert values_of(sound_font(tmp_path / "font.sf2", {"Own": OWN}, kind=IN_ROM)) == {}


@pytest.mark.usefixtures("synthesizers")
def test_the_held_out_font_without_itself_is_silent_and_can_still_be_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.sf2"
    assert purge([str(find_font(HELD_OUT)), str(out)]) == 0
    silent, of, all_of_them = capsys.readouterr().out.split()[:3]
    assert of == "of" and int(silent) > 0.95 * int(all_of_them)
    song = Path(tmp_path / "song.mid")
    song.write_bytes(
        b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk\0\0\0\x0c" + b"\0\x90\x3c\x7f\x60\x80\x3c\0\0\xff\x2f\0"
    )
    played = subprocess.run(
        [
            "fluidsynth",
            "-ni",
            "-R",
            "0",
            "-C",
            "0",
            "-T",
            "raw",
            "-O",
            "s16",
            "-F",
            tmp_path / "raw",
            out,
            song,
        ],
        capture_output=True,
        check=True,
    )
    assert b"error" not in played.stderr.lower()
    sound = np.fromfile(tmp_path / "raw", "<i2")
    assert sound.size > 10_000 and np.abs(sound.astype(int)).max() <= 2


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "{path} is not there."),
        (b"", "{path} is no sound font. Give an .sf2 file."),
        (b"RIFF\4\0\0\0WAVE", "{path} is no sound font. Give an .sf2 file."),
        (b"RIFF\4\0\0\0sfbk", "{path} is broken, or a compressed sound font. Give an .sf2 file."),
        (
            b"RIFF\xff\0\0\0sfbkLIST\xff\xff\xff\xff",
            "{path} is broken, or a compressed sound font. Give an .sf2 file.",
        ),
        (
            b"RIFF\0\0\0\0sfbk" + b"LIST\xff\xff\xff\x7fpdta" * 5000,
            "{path} is broken, or a compressed sound font. Give an .sf2 file.",
        ),
    ],
    ids=["absent", "empty", "a wave", "nothing in it", "cut off", "lists in lists"],
)
def test_what_is_no_sound_font_is_refused_in_a_sentence(
    content: bytes | None, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    font, held_out = tmp_path / "font.sf2", sound_font(tmp_path / "held.sf2", {"Theirs": SHARED})
    if content is not None:
        font.write_bytes(content)
    for arguments in ([font, "--held-out", held_out], [held_out, "--held-out", font]):
        path, option, other = arguments
        if content is None and other == font:
            expected = "The sound font {path} is not there. Give the path of an .sf2 or .sf3 file."
        assert purge([str(path), str(tmp_path / "out.sf2"), option, str(other)]) == 1
        assert capsys.readouterr().err == expected.format(path=font) + "\n"
    assert sorted(path.name for path in tmp_path.iterdir() if path != font) == ["held.sf2"]
