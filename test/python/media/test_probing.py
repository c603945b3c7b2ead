"""Every row of docs/odd-inputs.md: what the probe says of that input, and that MSST's decoder agrees."""

from __future__ import annotations

import re
import warnings
from array import array
from dataclasses import dataclass, field
from pathlib import Path

import av
import make_audio
import pytest
from child_process import PROJECT

from python_worker.media import probe, stage
from python_worker.media.decoding import sndfile
from python_worker.protocol import Failure, StageParams

FORMATS = "WAV, FLAC, MP3, OGG (Vorbis, Opus), M4A (AAC, ALAC)"
UNSUPPORTED = ("UNSUPPORTED_FORMAT", f"The file is in none of the supported formats: {FORMATS}.")
EMPTY = ("INVALID_AUDIO", "The file is empty: it contains no samples.")
NOT_FINITE = (
    "INVALID_AUDIO",
    "The file contains samples that are infinite or not a number; no model can use them.",
)
# FFmpeg before 8.1 takes what follows the last FLAC frame for a part of it.
GLUES_GARBAGE = av.library_versions["libavformat"] < (62, 12)
EXTENSIONS = {"wav": ".wav", "flac": ".flac", "mp3": ".mp3", "ogg": ".ogg", "mp4": ".m4a"}


@dataclass(frozen=True)
class Accepted:
    """The outcome of a file that is accepted.

    Attributes:
        samples: the count; exact but for Vorbis, whose encoder rounds it up differently in every FFmpeg.
        staged: a piece of the reason; None when MSST reads the file by itself.
    """

    container: str
    codec: str
    samples: int
    staged: str | None = None
    rate: int = 44100
    channels: int = 2


@dataclass(frozen=True)
class Row:
    """One row of the table: KIND of make_audio with its options, and the outcome."""

    kind: str
    outcome: Accepted | tuple[str, str]
    options: dict[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return " ".join([self.kind, *(f"--{name} {value}" for name, value in self.options.items())])


def wav(codec: str = "pcm_s16le", samples: int = 132300, **rest: object) -> Accepted:
    return Accepted("wav", codec, samples, **rest)  # type: ignore[arg-type]


def flac(samples: int = 132300, **rest: object) -> Accepted:
    return Accepted("flac", "flac", samples, **rest)  # type: ignore[arg-type]


def mp3(samples: int = 132300, **rest: object) -> Accepted:
    return Accepted("mp3", "mp3", samples, **rest)  # type: ignore[arg-type]


def mp4(codec: str = "aac", samples: int = 132300, **rest: object) -> Accepted:
    return Accepted("mp4", codec, samples, **{"staged": "cannot read MP4", **rest})  # type: ignore[arg-type]


def cut(declared: str, held: str) -> tuple[str, str]:
    return "INVALID_AUDIO", f"The file is truncated: it declares {declared} s but holds {held} s."


LOST_PAGE = "lost or damaged Ogg page"
LOST_VORBIS = ("ogg-lost-page", "ogg-bad-checksum", "ogg-bad-end")
LOST_OPUS = ("opus-lost-page", "opus-bad-checksum")
ROWS = [
    # Channels
    Row("wav", wav(channels=1), {"channels": 1}),
    Row("flac", flac(channels=1), {"channels": 1}),
    Row("mp3", mp3(channels=1), {"channels": 1}),
    Row("ogg-opus", Accepted("ogg", "opus", 144000, rate=48000, channels=1), {"channels": 1}),
    Row("m4a-aac", mp4(channels=1), {"channels": 1}),
    Row("wav", wav(channels=6, staged="6 channels"), {"channels": 6}),
    Row("wav-extensible", wav(channels=6, staged="6 channels"), {"channels": 6}),
    Row("wav", wav(channels=8, staged="8 channels"), {"channels": 8}),
    Row("flac", flac(channels=6, staged="6 channels"), {"channels": 6}),
    Row("m4a-aac", mp4(channels=6, staged="6 channels"), {"channels": 6}),
    Row("wav", wav(channels=7, staged="7 channels"), {"channels": 7}),
    Row("m4a-aac", mp4(channels=8, staged="8 channels"), {"channels": 8}),
    Row(
        "ogg-opus",
        Accepted("ogg", "opus", 144000, rate=48000, channels=8, staged="8 channels"),
        {"channels": 8, "bitrate": 512_000},
    ),
    Row("wav-96-channels", ("INVALID_AUDIO", "The file has 96 channels; allowed are 1 to 8.")),
    # Sample rates
    *(
        Row(kind, outcome(samples=3 * rate, rate=rate), {"rate": rate})
        for kind, outcome, rates in (
            ("wav", wav, (8000, 22050, 48000, 96000, 192000)),
            ("flac", flac, (8000, 96000, 192000)),
            ("mp3", mp3, (8000, 22050, 48000)),
            ("m4a-aac", mp4, (8000, 96000)),
        )
        for rate in rates
    ),
    Row("wav-1hz", ("INVALID_AUDIO", "The file's sample rate is 1 Hz; allowed are 1000 to 768000 Hz.")),
    Row(
        "wav-10mhz",
        ("INVALID_AUDIO", "The file's sample rate is 10000000 Hz; allowed are 1000 to 768000 Hz."),
    ),
    # Sample formats of WAV
    Row("wav-u8", wav("pcm_u8")),
    Row("wav-s24", wav("pcm_s24le")),
    Row("wav-s32", wav("pcm_s32le")),
    Row("wav-f32", wav("pcm_f32le")),
    Row("wav-f64", wav("pcm_f64le")),
    Row("wav-alaw", wav("pcm_alaw")),
    Row("wav-mulaw", wav("pcm_mulaw")),
    Row("wav-adpcm-ms", wav("adpcm_ms", 132572)),
    Row("wav-adpcm-ima", wav("adpcm_ima_wav", 133227)),
    # Shapes of WAV
    Row("wav-extensible", wav()),
    Row("wav-rf64", wav()),
    Row("wav-list-first", wav()),
    Row("wav-odd-chunk", wav()),
    Row("wav-trailing-garbage", wav()),
    Row("wav-streamed", wav()),
    Row("wav-forged-length", wav()),
    Row("wav-unclosed", wav(staged="length 0")),
    Row("wav-24-in-32", wav("pcm_s32le")),
    Row("wav-24-in-32", wav("pcm_s32le", channels=6, staged="6 channels"), {"channels": 6}),
    Row("wav-16-in-24", wav("pcm_s24le")),
    Row("wav-tag1-24-in-32", wav("pcm_s32le")),
    Row("wav-wrong-block", wav()),
    Row("wav-rifx", wav("pcm_s16be")),
    Row("wav-id3", wav()),
    Row("wav-w64", wav()),
    Row(
        "wav-w64",
        (
            "INVALID_AUDIO",
            "The file has 6 channels, but its encoding allows one or two only. "
            "Save it as an ordinary WAV or FLAC.",
        ),
        {"channels": 6},
    ),
    Row(
        "wav-gsm",
        ("UNSUPPORTED_FORMAT", f"The file's audio is encoded as gsm_ms; supported are {FORMATS}."),
    ),
    Row("wav-mp3", wav("mp3")),
    Row("wav-peak-of-one", wav("pcm_f32le", staged="not open")),
    Row("wav-zeros-before-data", wav("pcm_f32le", staged="not open")),
    Row("wav-two-formats", wav("pcm_f32le", staged="not open")),
    Row("wav-joined", wav(staged="only the first of several")),
    Row("wav-two-sounds", wav(staged="only the first of several")),
    # Little or nothing in it
    Row("wav-silence", wav()),
    Row("flac-silence", flac()),
    Row("wav-one-sample", wav(samples=1)),
    Row("flac-one-sample", flac(1)),
    Row("wav", wav(samples=4410), {"seconds": 0.1}),
    Row("mp3", mp3(4410), {"seconds": 0.1}),
    Row("m4a-alac", mp4("alac", 4410), {"seconds": 0.1}),
    Row("wav-no-samples", EMPTY),
    Row("flac-no-samples", EMPTY),
    Row("m4a-no-samples", ("INVALID_AUDIO", "The file contains no audio stream.")),
    Row("mp3-no-samples", ("INVALID_AUDIO", "The file is empty: it has tags but no audio.")),
    Row("empty", ("INVALID_AUDIO", "The file is empty.")),
    Row("flac-10h-silence", flac(36000 * 44100)),
    # Cut off
    Row("wav-cut", wav(samples=66144)),
    Row("flac-cut", cut("3.0", "1.4")),
    Row("flac-cut-tail", flac(staged="damaged frames")),
    Row("mp3-cut", cut("3.0", "1.5")),
    Row("mp3-cut-no-xing", mp3(66816)),
    Row("ogg-cut", Accepted("ogg", "vorbis", 44032)),
    Row("opus-cut", Accepted("ogg", "opus", 47688, rate=48000)),
    Row("m4a-cut", ("INVALID_AUDIO", "The file cannot be decoded: it is damaged or truncated.")),
    Row("m4a-faststart-cut", cut("3.0", "1.5")),
    # Damaged
    Row("flac-damaged", flac(127692, staged="damaged frames")),
    Row("mp3-damaged", mp3(127872, staged="interrupted")),
    Row("mp3-zeroed", mp3(127872, staged="interrupted")),
    Row("m4a-damaged", mp4()),
    Row("flac-trailing-garbage", flac(staged="damaged frames" if GLUES_GARBAGE else None)),
    Row("mp3-trailing-garbage", mp3()),
    Row("mp3-no-xing-trailing-garbage", mp3(133632, staged="follows the last")),
    Row("wav-nan-head", NOT_FINITE),
    Row("wav-infinite-head", NOT_FINITE),
    Row("wav-nan-middle", wav("pcm_f32le")),
    # FLAC headers
    Row("flac-id3", flac()),
    Row("flac-cover-art", flac()),
    Row("flac-no-count", flac(staged="how many samples")),
    Row("flac-count-too-small", flac(staged="too small")),
    Row("flac-joined", flac(264600, staged="joined")),
    Row("flac-joined-rates", flac(264600, staged="joined")),
    Row("flac-joined-cut", cut("6.0", "4.4")),
    Row("flac-12-bit", flac(staged="not open")),
    Row("flac-20-bit", flac(staged="not open")),
    Row("flac-32-bit", flac(staged="not open")),
    # MP3 headers
    Row("mp3", mp3()),
    Row("mp3-id3", mp3()),
    Row("mp3-cover-art", mp3()),
    Row("mp3-no-xing", mp3(133632)),
    Row("mp3-vbr", mp3()),
    Row("mp3-vbr-no-xing", mp3(133632, staged="variable bit rate")),
    Row("mp3-joined", mp3(268416, staged="joined")),
    Row("mp3-joined-tags", mp3(268416, staged="interrupted")),
    Row("mp3-joined-zeros", mp3(268416, staged="interrupted")),
    Row("mp3-joined-no-xing", mp3(267264)),
    Row("mp3-joined-bitrates", mp3(267264, staged="variable bit rate")),
    Row("mp3-joined-mono", mp3(267264, staged="channels")),
    Row("mp3-joined-rates", mp3(268416, staged="sample rate")),
    Row("mp3-xing-too-small", mp3(133632, staged="joined")),
    Row("mp3-xing-too-large", cut("6.1", "3.0")),
    Row("mp3-mid-frame", mp3(126720, staged="first frame")),
    Row("mp3-zeros-first", mp3(133632, staged="first frame")),
    Row("mp3-ape-first", mp3(133632, staged="first frame")),
    Row("mp3-id3v1-first", mp3(133632, staged="first frame")),
    Row("mp3-http-first", mp3(133632, staged="first frame")),
    Row("mp3-bom-first", mp3(133632, staged="first frame")),
    Row("mp3-id3-wide-size", mp3(133632, staged="not open")),
    Row("mp3-id3-then-zeros", mp3(133632, staged="first frame")),
    Row("mp3-free-format", mp3(133632)),
    Row("mp3-zeros-first-joined", mp3(267264, staged="first frame")),
    Row("mp3-tags-last", mp3(133632, staged="follows the last")),
    Row("mp3-three-frames", UNSUPPORTED),
    Row(
        "mp3-tags-alone",
        (
            "INVALID_AUDIO",
            "The file takes too long to examine: it consists of too many tiny or damaged pieces.",
        ),
    ),
    # Ogg and MP4
    Row("ogg-vorbis", Accepted("ogg", "vorbis", 132352)),
    Row("ogg-opus", Accepted("ogg", "opus", 144000, rate=48000)),
    Row("ogg-chained", Accepted("ogg", "vorbis", 264704, staged="Ogg streams")),
    Row("opus-chained", Accepted("ogg", "opus", 288000, staged="Ogg streams", rate=48000)),
    Row("ogg-chained-rates", Accepted("ogg", "vorbis", 264704, staged="Ogg streams")),
    Row(
        "opus-chained-mono",
        Accepted("ogg", "opus", 288000, staged="Ogg streams", rate=48000, channels=1),
    ),
    *(Row(kind, Accepted("ogg", "vorbis", 132352, staged=LOST_PAGE)) for kind in LOST_VORBIS),
    *(Row(kind, Accepted("ogg", "opus", 144000, staged=LOST_PAGE, rate=48000)) for kind in LOST_OPUS),
    Row(
        "ogg-most-lost",
        ("INVALID_AUDIO", "The file is damaged: of its 12.0 s only 1.8 s are there."),
    ),
    Row("ogg-begins-late", Accepted("ogg", "vorbis", 129472, staged="begins in its middle")),
    Row("opus-begins-late", Accepted("ogg", "opus", 144000, staged="begins in its middle", rate=48000)),
    Row("ogg-wild-end", Accepted("ogg", "vorbis", 133120, staged="believes the positions")),
    Row(
        "opus-forged-positions",
        Accepted("ogg", "opus", 143688, staged="believes the positions", rate=48000),
    ),
    Row("m4a-aac", mp4()),
    Row("m4a-aac-faststart", mp4()),
    Row("m4a-aac-fragmented", mp4(samples=134144)),
    Row("m4a-alac", mp4("alac")),
    Row("m4a-end-trimmed", mp4(samples=44100)),
    Row("m4a-start-trimmed", mp4(samples=44100)),
    Row("m4a-middle-removed", mp4(samples=44100)),
    Row("m4a-played-twice", mp4(samples=266240)),
    Row("m4a-alac-trimmed", mp4("alac", 44100)),
    Row("m4a-trimmed-cut", cut("1.0", "0.5")),
    Row("mp4-video-and-audio", mp4()),
    Row("mp4-lost-chunk", mp4()),
    Row("m4a-lost-fragment", mp4(samples=111616)),
    Row("mp4-video-only", ("INVALID_AUDIO", "The file contains no audio stream.")),
    # No format of ours
    Row("ogg-flac", ("UNSUPPORTED_FORMAT", f"The file's audio is encoded as flac; supported are {FORMATS}.")),
    Row(
        "m4a-mp3",
        ("UNSUPPORTED_FORMAT", f"The file's audio is encoded as mp3float; supported are {FORMATS}."),
    ),
    *(Row(kind, UNSUPPORTED) for kind in ("text", "ffconcat", "sdp", "m3u8", "random")),
    *(Row(kind, UNSUPPORTED) for kind in ("html", "zip", "tar", "pdf", "jpeg", "avi")),
    *(Row(kind, UNSUPPORTED) for kind in ("aiff", "matroska", "mp2")),
]
READABLE = [row for row in ROWS if isinstance(row.outcome, Accepted) and row.outcome.staged is None]
STAGED = [row for row in ROWS if isinstance(row.outcome, Accepted) and row.outcome.staged is not None]


def named(rows: list[Row]) -> list[object]:
    return [pytest.param(row, id=row.name) for row in rows]


def made(row: Row, folder: Path) -> Path:
    """The row's file. Its name says nothing, or the wrong thing: only the content counts."""
    return make_audio.make(row.kind, folder / "upload.txt", **row.options)


@pytest.mark.parametrize("row", named(ROWS))
def test_an_odd_input_has_the_outcome_of_its_row(row: Row, tmp_path: Path) -> None:
    path = made(row, tmp_path)
    if isinstance(row.outcome, tuple):
        with pytest.raises(Failure) as refused:
            probe(str(path))
        assert (refused.value.kind, refused.value.message) == row.outcome
        return
    result = probe(str(path))
    assert (result.container, result.codec) == (row.outcome.container, row.outcome.codec)
    assert (result.sample_rate, result.channels) == (row.outcome.rate, row.outcome.channels)
    give = 200 if row.outcome.codec == "vorbis" else 0
    assert abs(round(result.duration_seconds * result.sample_rate) - row.outcome.samples) <= give
    if row.outcome.staged is None:
        assert result.staging_reason is None
    else:
        assert result.staging_reason is not None and row.outcome.staged in result.staging_reason


@pytest.mark.parametrize("row", named([row for row in READABLE if row.kind != "flac-10h-silence"]))
def test_msst_decodes_all_of_what_is_not_staged(row: Row, tmp_path: Path) -> None:
    librosa = pytest.importorskip("librosa", reason="needs the engine's packages")
    assert isinstance(row.outcome, Accepted)
    path = made(row, tmp_path).rename(tmp_path / f"mixture{EXTENSIONS[row.outcome.container]}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples, rate = librosa.load(path, sr=None, mono=False)
    assert rate == row.outcome.rate
    assert samples.shape[-1] == round(probe(str(path)).duration_seconds * rate)


@pytest.mark.parametrize("row", named(STAGED))
def test_what_is_staged_is_as_long_as_probed_and_of_two_channels(row: Row, tmp_path: Path) -> None:
    assert isinstance(row.outcome, Accepted)
    path = made(row, tmp_path)
    output = tmp_path / "mixture.wav"
    probed = probe(str(path))
    staged = stage(
        StageParams("task", 1, str(path), probed.container, probed.duration_seconds, str(output)),
        lambda: False,
    )
    # The engine's own measure of what is too short.
    assert abs(staged.duration_seconds - probed.duration_seconds) <= max(1.0, probed.duration_seconds / 100)
    as_engine_sees_it = probe(str(output))
    assert as_engine_sees_it.staging_reason is None
    assert as_engine_sees_it.codec == "pcm_f32le"
    assert (as_engine_sees_it.sample_rate, as_engine_sees_it.channels) == (probed.sample_rate, 2)
    assert as_engine_sees_it.duration_seconds == staged.duration_seconds
    downmix = f"the {probed.channels} channels were mixed down to stereo"
    assert (downmix in staged.warnings) == (probed.channels > 2)


@pytest.mark.parametrize(
    ("kind", "plain", "options", "most"),
    [
        ("wav-24-in-32", "wav-s24", {"channels": 6}, 0),
        ("wav-tag1-24-in-32", "wav-s24", {"channels": 6}, 0),
        ("wav-rifx", "wav", {"channels": 6}, 0),
        ("wav-peak-of-one", "wav-f32", {}, 0),
        ("flac-20-bit", "wav-f32", {}, 2**-18),
        ("flac-32-bit", "wav-f32", {}, 2**-22),
    ],
)
def test_what_is_staged_is_the_sound_that_was_packed(
    kind: str, plain: str, options: dict[str, float], most: float, tmp_path: Path
) -> None:
    decoded = [staged_samples(name, options, tmp_path) for name in (kind, plain)]
    assert len(decoded[0]) == len(decoded[1]) > 0
    assert max(abs(odd - usual) for odd, usual in zip(*decoded, strict=True)) <= most


def staged_samples(kind: str, options: dict[str, float], folder: Path) -> array[float]:
    path, output = make_audio.make(kind, folder / kind, seconds=0.2, **options), folder / f"{kind}.wav"
    found = probe(str(path))
    params = StageParams("task", 1, str(path), found.container, found.duration_seconds, str(output))
    stage(params, lambda: False)
    whole = output.read_bytes()
    return array("f", whole[whole.index(b"data") + 8 :])


@pytest.mark.parametrize(
    "kind", ["mp3-mid-frame", "mp3-zeros-first", "flac-joined", "m4a-start-trimmed", "mp3-tags-last"]
)
def test_what_is_whole_is_staged_without_a_warning(kind: str, tmp_path: Path) -> None:
    path = make_audio.make(kind, tmp_path / "upload")
    found = probe(str(path))
    output = str(tmp_path / "out.wav")
    params = StageParams("task", 1, str(path), found.container, found.duration_seconds, output)
    assert stage(params, lambda: False).warnings == []


def test_without_libsndfile_everything_is_staged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sndfile, "is_there", lambda: False)
    reason = probe(str(make_audio.make("wav", tmp_path / "upload", seconds=0.1))).staging_reason
    assert reason is not None and "libsndfile is missing" in reason


def test_the_page_of_odd_inputs_has_exactly_the_rows_that_are_tested() -> None:
    page = (PROJECT / "docs" / "odd-inputs.md").read_text(encoding="utf-8")
    written = re.findall(r"^\| `([^`]+)` +\|", page, flags=re.MULTILINE)
    assert sorted(written) == sorted(row.name for row in ROWS)


def test_a_file_that_is_not_there_is_no_fault_of_the_audio(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        probe(str(tmp_path / "nothing"))
