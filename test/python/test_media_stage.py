"""Staging: whole or not at all, in flat memory, and the same samples as FFmpeg decodes."""

from __future__ import annotations

import struct
import sys
from array import array
from pathlib import Path

import av
import pytest

from python_worker.media import probe, stage
from python_worker.media.wav_writer import HEADER_BYTES, WavWriter
from python_worker.protocol import Container, Failure, StageParams

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import make_audio


def params(path: Path, output: Path, container: Container, seconds: float | None = None) -> StageParams:
    counted = probe(str(path)).duration_seconds if seconds is None else seconds
    return StageParams("task", 1, str(path), container, counted, str(output))


def decoded(path: Path) -> bytes:
    """All samples as FFmpeg decodes them, interleaved floats."""
    converter = av.AudioResampler(format="flt")
    with av.open(str(path)) as file:
        frames = [piece for frame in file.decode(audio=0) for piece in converter.resample(frame)]
    return b"".join(
        bytes(frame.planes[0])[: 4 * frame.samples * frame.layout.nb_channels] for frame in frames
    )


@pytest.mark.parametrize("kind", ["m4a-aac", "m4a-alac", "m4a-aac-fragmented", "mp3", "ogg-vorbis", "flac"])
def test_the_staged_samples_are_those_that_ffmpeg_decodes(kind: str, tmp_path: Path) -> None:
    path = make_audio.make(kind, tmp_path / "in")
    output = tmp_path / "mixture.wav"
    stage(params(path, output, probe(str(path)).container), lambda: False)
    assert output.read_bytes()[HEADER_BYTES:] == decoded(path)


def test_alac_is_staged_without_any_loss(tmp_path: Path) -> None:
    sound = make_audio.Sound(seconds=0.5)
    path = make_audio.make("m4a-alac", tmp_path / "in", seconds=0.5)
    output = tmp_path / "mixture.wav"
    stage(params(path, output, "mp4"), lambda: False)
    exact = array("f", (value / 32768 for value in array("h", make_audio.shorts(sound))))
    assert output.read_bytes()[HEADER_BYTES:] == exact.tobytes()


@pytest.mark.parametrize("kind", ["m4a-damaged", "flac-damaged", "mp3-damaged", "flac-cut-tail"])
def test_damaged_pieces_are_left_out_and_the_rest_is_staged(kind: str, tmp_path: Path) -> None:
    path = make_audio.make(kind, tmp_path / "in", seconds=10)
    output = tmp_path / "mixture.wav"
    staged = stage(params(path, output, probe(str(path)).container), lambda: False)
    assert 9.5 < staged.duration_seconds < 10
    if kind != "flac-damaged":  # FFmpeg's FLAC parser passes over them in silence
        assert any("could not be decoded and were left out" in warning for warning in staged.warnings)


def test_a_cancelled_staging_leaves_nothing(tmp_path: Path) -> None:
    path = make_audio.make("m4a-aac", tmp_path / "in")
    folder = tmp_path / "out"
    folder.mkdir()
    asked = []

    def is_cancelled() -> bool:
        asked.append(True)
        return len(asked) > 20

    with pytest.raises(Failure) as refused:
        stage(params(path, folder / "mixture.wav", "mp4"), is_cancelled)
    assert refused.value.kind == "CANCELLED"
    assert list(folder.iterdir()) == []


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    output = tmp_path / "mixture.wav"
    with pytest.raises(OSError, match="full"), WavWriter(output, 44100, 2) as writer:
        writer.write(bytes(800))
        raise OSError("the disk is full")
    assert list(tmp_path.iterdir()) == []


def test_the_staged_file_is_not_there_before_it_is_whole(tmp_path: Path) -> None:
    output = tmp_path / "mixture.wav"
    with WavWriter(output, 44100, 2) as writer:
        writer.write(bytes(800))
        assert not output.exists()
    assert output.exists()


def test_a_file_beyond_the_reach_of_wav_becomes_an_rf64(tmp_path: Path) -> None:
    output = tmp_path / "mixture.wav"
    values = array("f", (index / 1000 for index in range(1000)))
    with WavWriter(output, 44100, 2, longest_riff=1000) as writer:
        writer.write(values.tobytes())
    whole = output.read_bytes()
    assert whole[:4] == b"RF64"
    assert struct.unpack_from("<QQQ", whole, 20) == (len(whole) - 8, 4000, 500)
    probed = probe(str(output))
    assert probed.duration_seconds == 500 / 44100
    assert decoded(output) == values.tobytes()


def test_the_downmix_is_ffmpegs_standard_matrix(tmp_path: Path) -> None:
    # Only the centre sounds: it goes to both sides alike, 3 dB down. Floats need no room for the sum.
    samples = array("h", [0, 0, 10000, 0, 0, 0] * 4410)
    header = make_audio.chunk(b"fmt ", make_audio.wave_format(1, 16, 44100, 6))
    path = tmp_path / "in"
    path.write_bytes(make_audio.riff(header, make_audio.chunk(b"data", samples.tobytes())))
    output = tmp_path / "mixture.wav"
    stage(params(path, output, "wav"), lambda: False)
    left, right = array("f", output.read_bytes()[HEADER_BYTES:])[2000:2002]
    assert left == right
    assert left == pytest.approx(10000 / 32768 * 0.5**0.5, rel=0.001)


def test_what_cannot_be_decoded_at_all_is_invalid_and_leaves_nothing(tmp_path: Path) -> None:
    path = make_audio.make("text", tmp_path / "in")
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(Failure) as refused:
        stage(params(path, folder / "mixture.wav", "mp4", 1.0), lambda: False)
    assert refused.value.kind == "INVALID_AUDIO"
    assert list(folder.iterdir()) == []
