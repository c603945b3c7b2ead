"""libsndfile is the only decoder in a worker, and is held to the length that was counted."""

from __future__ import annotations

import os
import struct
from array import array
from pathlib import Path

import audioread
import make_audio
import pytest
import soundfile
from separating import Run, mixture

from python_worker.engine import Engine
from python_worker.engine.mixture.mixture_file import decode_to_file
from python_worker.engine.mixture.prepared_mixture import PreparedMixture
from python_worker.protocol import Failure, ModelParams

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("one_thread")]

MSST_OPTIONS = {"sr": 44100, "mono": False}


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What programs leave behind that are called as audioread's backends, and are first on the PATH."""
    mark, programs = tmp_path / "was started", tmp_path / "bin"
    programs.mkdir()
    for name in ("ffmpeg", "avconv"):
        (programs / name).write_text(f"#!/bin/sh\necho {name} >> '{mark}'\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    audioread.BACKENDS.clear()
    return mark


def wav_that_libsndfile_refuses(path: Path) -> Path:
    """16 bits, which Python's own `wave` reads: its PEAK chunk has one entry for two channels."""
    chunks = (
        make_audio.chunk(b"fmt ", make_audio.wave_format(1, 16, 44100, 2)),
        make_audio.chunk(b"PEAK", struct.pack("<IIfI", 1, 0, 0.6, 100)),
        make_audio.chunk(b"data", array("h", [1000, -1000] * 44100).tobytes()),
    )
    path.write_bytes(make_audio.riff(*chunks))
    return path


@pytest.mark.parametrize("piece_seconds", [None, 0.5])
def test_what_libsndfile_does_not_open_needs_staging_and_no_program_is_started(
    engine: Engine, model: ModelParams, tmp_path: Path, mark: Path, piece_seconds: float | None
) -> None:
    song = wav_that_libsndfile_refuses(tmp_path / "song.wav")
    run = Run(
        tmp_path / "run", mixture(tmp_path / "good.wav", seconds=1.0), model, piece_seconds=piece_seconds
    )
    object.__setattr__(run.params, "mixture_path", str(song))
    with pytest.raises(Failure) as refused:
        run.on(engine)
    assert refused.value.kind == "NEEDS_STAGING"
    assert not mark.exists()


def test_a_file_that_libsndfile_reads_starts_no_program_either(
    engine: Engine, model: ModelParams, tmp_path: Path, mark: Path
) -> None:
    Run(tmp_path / "run", mixture(tmp_path / "song.wav", seconds=1.0), model).on(engine)
    assert not mark.exists()


def test_damage_that_libsndfile_meets_on_its_way_needs_staging(
    engine: Engine, model: ModelParams, tmp_path: Path, mark: Path
) -> None:
    path = tmp_path / "song.flac"
    soundfile.write(path, soundfile.read(mixture(tmp_path / "song.wav"))[0], 44100)
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2 : len(whole) // 2 + 5000] = bytes(5000)
    path.write_bytes(whole)
    with pytest.raises(Failure) as refused:
        Run(tmp_path / "run", path, model, duration_seconds=3.0).on(engine)
    assert refused.value.kind == "NEEDS_STAGING"
    assert not mark.exists()


@pytest.mark.parametrize("piece_seconds", [None, 1.0])
@pytest.mark.parametrize(("counted", "kind"), [(1.0, "NEEDS_STAGING"), (3.2, "NEEDS_STAGING"), (3.05, None)])
def test_what_is_longer_or_shorter_than_was_counted_needs_staging_and_is_not_held(
    engine: Engine,
    model: ModelParams,
    tmp_path: Path,
    counted: float,
    kind: str | None,
    piece_seconds: float | None,
) -> None:
    song = mixture(tmp_path / "song.wav")
    run = Run(tmp_path / "run", song, model, duration_seconds=counted, piece_seconds=piece_seconds)
    if kind is None:
        assert run.on(engine).stems
        return
    with pytest.raises(Failure, match=f"{counted:.2f} seconds") as refused:
        run.on(engine)
    assert refused.value.kind == kind
    assert "3.00" in refused.value.message


def test_decoding_onto_the_disk_ends_within_a_block_beyond_what_was_counted(tmp_path: Path) -> None:
    path, into = mixture(tmp_path / "song.wav", seconds=120, channels=1, rate=8000), tmp_path / "decoded"
    much_more = "counted as 1.00 seconds and decodes to 32.77"
    with soundfile.SoundFile(path) as source, pytest.raises(Failure, match=much_more):
        decode_to_file(source, 44100, into, lambda block: block, 1.0)
    assert into.stat().st_size == 0


def test_a_mixture_longer_than_was_counted_is_not_decoded_ahead(tmp_path: Path) -> None:
    import librosa

    prepared = PreparedMixture(librosa)
    song = mixture(tmp_path / "song.wav")
    prepared.begin(song, 44100, 1.0)
    assert prepared.take(song, (), MSST_OPTIONS) is None
