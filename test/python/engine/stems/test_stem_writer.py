"""Stems that are written at once, each in a thread of its own."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import numpy
import pytest
import soundfile

from python_worker.engine.stems.stem_writer import StemWriter, safe_name
from python_worker.protocol import Cancelled, Failure, SeparateOptions

OPTIONS = SeparateOptions(["a", "b"], False, False, "wav", "FLOAT", 1, None, None)


def noise(seed: int, samples: int = 3_000_000) -> numpy.ndarray[tuple[int, int], numpy.dtype[numpy.float32]]:
    return numpy.random.default_rng(seed).uniform(-1, 1, (samples, 2)).astype(numpy.float32)


def test_one_stem_does_not_wait_for_another(tmp_path: Path) -> None:
    # Each waits in its first block until the other has come to its own.
    both = threading.Barrier(2, timeout=20)
    met: list[int] = []

    def before_block() -> None:
        if len(met) < 2:
            met.append(both.wait())

    writer = StemWriter(tmp_path, OPTIONS, before_block)
    for seed, name in enumerate("ab"):
        writer.append(name, noise(seed), 44100, of=3_000_000)
    assert [stem.instrument for stem in writer.finish()] == ["a", "b"]


def test_pieces_of_several_stems_come_out_whole_and_in_their_order(tmp_path: Path) -> None:
    writer = StemWriter(tmp_path, OPTIONS, lambda: None)
    sounds = {name: noise(seed) for seed, name in enumerate("ab")}
    for start in range(0, 3_000_000, 700_001):
        for name, sound in sounds.items():
            writer.append(name, sound[start : start + 700_001], 44100, of=3_000_000)
    for stem in writer.finish():
        path = tmp_path / stem.filename
        assert numpy.array_equal(soundfile.read(path, dtype="float32")[0], sounds[stem.instrument])
        assert stem.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert stem.peak == float(numpy.abs(sounds[stem.instrument]).max())


def test_a_stem_whose_end_never_came_is_none(tmp_path: Path) -> None:
    writer = StemWriter(tmp_path, OPTIONS, lambda: None)
    writer.append("a", noise(0)[:1000], 44100, of=3_000_000)
    assert writer.finish() == []
    writer.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_cancel_reaches_every_stem_and_leaves_nothing_of_any(tmp_path: Path) -> None:
    blocks = threading.Semaphore(3)

    def before_block() -> None:
        if not blocks.acquire(blocking=False):
            raise Cancelled

    writer = StemWriter(tmp_path, OPTIONS, before_block)
    for seed, name in enumerate("ab"):
        writer.append(name, noise(seed), 44100, of=3_000_000)
    with pytest.raises(Cancelled):
        writer.finish()
    writer.discard()
    assert list(tmp_path.iterdir()) == []
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("stem")] == []


@pytest.mark.parametrize(
    ("instrument", "name"),
    [
        ("vocals", "vocals"),
        ("../../etc/passwd", "etc_passwd"),
        ("", "stem"),
        ("...", "stem"),
        ("Lead Vox!", "Lead_Vox"),
        ("вокал", "вокал"),
    ],
)
def test_file_names_are_safe_and_as_close_as_can_be(instrument: str, name: str) -> None:
    assert safe_name(instrument) == name


def test_a_stem_that_is_not_finite_is_not_passed_off_as_one(tmp_path: Path) -> None:
    options = SeparateOptions(["a"], False, False, "wav", "FLOAT", 1, None, None)
    writer = StemWriter(tmp_path, options, lambda: None)
    stem = numpy.zeros((1000, 2), numpy.float32)
    stem[-1, 1] = numpy.inf
    writer.append("a", stem, 44100, of=len(stem))
    with pytest.raises(Failure, match="not finite"):
        writer.finish()
    writer.discard()
    assert list(tmp_path.iterdir()) == []
