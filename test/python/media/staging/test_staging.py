"""Staging: whole or not at all, in flat memory, and the same samples as FFmpeg decodes."""

from __future__ import annotations

import re
import struct
from array import array
from pathlib import Path
from statistics import median

import av
import make_audio
import pytest

from python_worker.media import probe, stage
from python_worker.media.staging.wav_writer import HEADER_BYTES, WavWriter
from python_worker.protocol import Container, Failure, StageParams


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


@pytest.mark.parametrize(
    ("kind", "whole", "at", "lost"),
    [
        ("ogg-lost-page", "ogg-vorbis", 2.02, 1.04),
        ("ogg-bad-checksum", "ogg-vorbis", 2.02, 1.04),
        ("opus-lost-page", "ogg-opus", 1.99, 1.01),
        ("opus-bad-checksum", "ogg-opus", 1.99, 1.01),
        ("mp4-lost-chunk", "mp4-video-and-audio", None, 0.09),
        ("m4a-lost-fragment", "m4a-aac-fragmented", None, 0.51),
        ("m4a-damaged", "m4a-aac", None, 0.16),
        ("mp3-damaged", "mp3", None, 0.15),
        ("mp3-zeroed", "mp3", None, 0.15),
        ("flac-damaged", "flac", None, 0.10),
    ],
)
def test_silence_stands_where_a_piece_is_missing_and_what_follows_is_in_its_place(
    kind: str, whole: str, at: float | None, lost: float, tmp_path: Path
) -> None:
    path = make_audio.make(kind, tmp_path / "in", seconds=6)
    output = tmp_path / "mixture.wav"
    staged = stage(params(path, output, probe(str(path)).container), lambda: False)
    assert len(staged.warnings) == 1
    told = re.fullmatch(
        r"([0-9.]+) s are missing at ([0-9.]+) s: damaged, replaced by silence", staged.warnings[0]
    )
    assert told is not None, staged.warnings
    assert float(told[1]) == pytest.approx(lost, abs=0.06)
    if at is not None:
        assert float(told[2]) == pytest.approx(at, abs=0.011)
    sound = array("f", output.read_bytes()[HEADER_BYTES:])
    expected = array("f", decoded(make_audio.make(whole, tmp_path / "whole", seconds=6)))
    assert abs(len(sound) - len(expected)) < 0.02 * len(expected) / 6
    start, end = float(told[2]), float(told[2]) + float(told[1])
    rate = 2 * probe(str(output)).sample_rate
    assert not any(sound[round((start + 0.011) * rate) : round((end - 0.011) * rate)])
    for stretch in (
        slice(0, round((start - 0.1) * rate)),
        slice(round((end + 0.3) * rate), round(5.9 * rate)),
    ):
        differences = [abs(a - b) for a, b in zip(sound[stretch], expected[stretch], strict=True)]
        # AAC has noise made up by the decoder, which is another one behind a hole.
        assert (median if kind.startswith(("m4a", "mp4")) else max)(differences) < 0.001


@pytest.mark.parametrize(
    ("kind", "warning"),
    [
        ("flac-cut-tail", "0.04 s are missing at the end, at 5.96 s: damaged"),
        ("ogg-bad-end", "0.92 s are missing at the end, at 5.09 s: damaged"),
    ],
)
def test_what_is_missing_at_the_end_is_told(kind: str, warning: str, tmp_path: Path) -> None:
    path = make_audio.make(kind, tmp_path / "in", seconds=6)
    staged = stage(params(path, tmp_path / "mixture.wav", probe(str(path)).container), lambda: False)
    assert staged.warnings == [warning]


@pytest.mark.parametrize(("kind", "begin"), [("ogg-begins-late", "3.07"), ("opus-begins-late", "3.00")])
def test_an_ogg_that_begins_in_its_middle_is_told_and_nothing_is_put_before_it(
    kind: str, begin: str, tmp_path: Path
) -> None:
    path = make_audio.make(kind, tmp_path / "in", seconds=6)
    counted = probe(str(path)).duration_seconds
    staged = stage(params(path, tmp_path / "mixture.wav", "ogg"), lambda: False)
    assert staged.duration_seconds == counted == pytest.approx(9, abs=0.07)
    assert staged.warnings == [
        f"the Ogg begins at {begin} s on its own clock, like a recorded broadcast: "
        "what came before is missing"
    ]


@pytest.mark.parametrize(("kind", "unread"), [("wav-joined", "6.00"), ("wav-two-sounds", "3.00")])
def test_sound_behind_the_first_in_a_wav_is_told(kind: str, unread: str, tmp_path: Path) -> None:
    path = make_audio.make(kind, tmp_path / "in", seconds=6)
    staged = stage(params(path, tmp_path / "mixture.wav", "wav"), lambda: False)
    assert staged.duration_seconds == 6
    place = "a second WAV, or more audio, follows the first in the same file"
    assert staged.warnings == [f"{unread} s are not read: {place}"]


@pytest.mark.parametrize(
    "kind",
    [
        *("ogg-chained", "ogg-chained-rates", "opus-chained", "opus-chained-mono", "ogg-wild-end"),
        *("opus-forged-positions", "mp3-joined", "mp3-joined-tags", "mp3-joined-rates", "mp3-joined-mono"),
        "mp3-joined-zeros",
        *("mp3-no-xing-trailing-garbage", "mp3-trailing-garbage", "m4a-aac", "m4a-alac", "wav-adpcm-ms"),
    ],
)
def test_what_has_all_its_sound_gets_no_warning(kind: str, tmp_path: Path) -> None:
    path = make_audio.make(kind, tmp_path / "in")
    counted = probe(str(path))
    staged = stage(params(path, tmp_path / "mixture.wav", counted.container), lambda: False)
    assert staged.warnings == []
    assert staged.duration_seconds == pytest.approx(counted.duration_seconds, abs=0.1)


@pytest.mark.parametrize(
    "kind", ["wav", "flac", "mp3-vbr", "ogg-vorbis", "ogg-opus", "m4a-alac", "wav-adpcm-ms"]
)
def test_what_decodes_to_far_more_than_was_counted_is_refused_before_it_is_written(
    kind: str, tmp_path: Path
) -> None:
    path = make_audio.make(kind, tmp_path / "in", seconds=20)
    folder = tmp_path / "out"
    folder.mkdir()
    written = []

    def is_cancelled() -> bool:
        written.extend(file.stat().st_size for file in folder.iterdir())
        return False

    container = probe(str(path)).container
    with pytest.raises(Failure, match=r"was counted as 1\.00 seconds and decodes to 2\.") as refused:
        stage(params(path, folder / "mixture.wav", container, 1.0), is_cancelled)
    assert refused.value.kind == "INVALID_AUDIO"
    assert list(folder.iterdir()) == []
    assert max(written, default=0) < 3 * 48000 * 8


@pytest.mark.parametrize("kind", ["flac", "ogg-vorbis", "m4a-aac"])
def test_what_decodes_to_less_than_half_of_what_was_counted_is_refused(kind: str, tmp_path: Path) -> None:
    path = make_audio.make(kind, tmp_path / "in")
    container = probe(str(path)).container
    with pytest.raises(Failure, match=r"Only 3\.0. of 7\.00 seconds") as refused:
        stage(params(path, tmp_path / "mixture.wav", container, 7.0), lambda: False)
    assert refused.value.kind == "INVALID_AUDIO"
    assert not (tmp_path / "mixture.wav").exists()


def test_a_flac_that_goes_on_at_another_rate_has_no_holes(tmp_path: Path) -> None:
    path = make_audio.make("flac", tmp_path / "in")
    path.write_bytes(path.read_bytes() + make_audio.make("flac", tmp_path / "other", rate=48000).read_bytes())
    staged = stage(params(path, tmp_path / "mixture.wav", "flac"), lambda: False)
    assert staged.warnings == []
    assert staged.duration_seconds == pytest.approx(6.0, abs=0.001)


def test_what_turns_from_mono_to_stereo_keeps_both_sides(tmp_path: Path) -> None:
    path, output = make_audio.make("opus-chained-mono", tmp_path / "in"), tmp_path / "mixture.wav"
    stage(params(path, output, "ogg"), lambda: False)
    sound = array("f", output.read_bytes()[HEADER_BYTES:])
    mono = decoded(make_audio.make("ogg-opus", tmp_path / "mono", channels=1))
    assert sound[0 : len(mono) // 2 : 2] == sound[1 : len(mono) // 2 : 2] == array("f", mono)
    assert sound[len(mono) // 2 :].tobytes() == decoded(make_audio.make("ogg-opus", tmp_path / "stereo"))


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
