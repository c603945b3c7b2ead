"""Long mixtures, taken through MSST in pieces: the stems are those of the whole, to the last bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import soundfile
from architectures import ARCHITECTURES, small_model
from separating import Run, engine_of, mixture, tiny_model

from python_worker.engine import Engine
from python_worker.protocol import Cancelled, Failure, ModelParams

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("one_thread")]

PIECE_SECONDS = 3.0
SLOW_RATE = 2000
CLEAR_REFS = Path("/proc/self/clear_refs")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with engine_of("package") as engine:
        yield engine


def both_ways(
    engine: Engine, folder: Path, song: Path, model: ModelParams, **options: Any
) -> tuple[Run, list[tuple[Any, Any]]]:
    """Runs it as a whole and in pieces; gives the second run, and each stem from both."""
    whole = Run(folder / "whole", song, model, **options)
    pieces = Run(folder / "pieces", song, model, **options, piece_seconds=PIECE_SECONDS)
    results = [run.on(engine) for run in (whole, pieces)]
    names = [stem.instrument for stem in results[0].stems]
    assert [stem.instrument for stem in results[1].stems] == names
    assert "decoding" in [message.stage for method, message in pieces.said if method == "progress"]
    assert warnings_of(pieces) == []
    return pieces, [(whole.stem(results[0], name), pieces.stem(results[1], name)) for name in names]


def warnings_of(run: Run) -> list[str]:
    """What it told the log of that is not as it should be."""
    return [message.message for method, message in run.said if method == "log" and message.level == "warn"]


def assert_equal(stems: list[tuple[Any, Any]], at_most: float = 0.0) -> None:
    for whole, pieces in stems:
        assert whole.shape == pieces.shape
        assert numpy.abs(whole).max() > 1e-3, "silence would be equal whatever is done"
        assert numpy.abs(whole - pieces).max() <= at_most


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(
    ("num_overlap", "batch_size", "rate", "channels"),
    [(2, 1, 44100, 2), (4, 1, 48000, 1), (3, 2, 22050, 2)],
)
def test_a_long_mixture_comes_out_as_the_whole_would(
    engine: Engine,
    tmp_path: Path,
    architecture: str,
    num_overlap: int,
    batch_size: int,
    rate: int,
    channels: int,
) -> None:
    model = small_model(architecture, tmp_path / "model")
    song = mixture(tmp_path / "song.wav", seconds=8.3, rate=rate, channels=channels)
    options = {"num_overlap": num_overlap, "batch_size": batch_size, "extract_instrumental": True}
    run, stems = both_ways(engine, tmp_path, song, model, **options)
    assert_equal(stems)
    told = run.progress("separating")
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]
    assert list(Path(run.params.scratch_dir).iterdir()) == []


@pytest.mark.parametrize(
    ("inference", "options", "at_most"),
    [
        ({}, {"use_tta": True}, 0.0),
        ({}, {"bigshifts": 3, "extract_instrumental": True}, 0.0),
        ({"normalize": True}, {}, 0.0),
        # MSST sums the rotations before it takes the passes together and denormalizes: it rounds elsewhere.
        ({}, {"bigshifts": 2, "use_tta": True}, 1e-6),
        ({"normalize": True}, {"bigshifts": 2}, 1e-6),
    ],
)
def test_what_msst_does_with_the_whole_is_done_with_the_whole(
    engine: Engine, tmp_path: Path, inference: dict[str, Any], options: dict[str, Any], at_most: float
) -> None:
    model = small_model("bs_roformer", tmp_path / "model", **inference)
    song = mixture(tmp_path / "song.wav", seconds=8.3)
    assert_equal(both_ways(engine, tmp_path, song, model, **options)[1], at_most)


@pytest.mark.parametrize("shape", ["bigshifts", "demix", "2024", "colab"])
def test_a_checkout_of_msst_takes_pieces_too(tmp_path: Path, shape: str) -> None:
    with engine_of(shape) as engine:
        song = mixture(tmp_path / "song.wav", seconds=8.3)
        model = tiny_model(tmp_path / "model")
        assert_equal(both_ways(engine, tmp_path, song, model, extract_instrumental=True)[1])


def test_an_msst_that_looks_at_more_than_chunks_is_given_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine_of("bigshifts") as engine:
        make_loudness_matter(engine, monkeypatch)
        song = mixture(tmp_path / "song.wav", seconds=8.3)
        model = tiny_model(tmp_path / "model")
        whole = Run(tmp_path / "whole", song, model)
        pieces = [Run(tmp_path / f"{n}", song, model, piece_seconds=PIECE_SECONDS) for n in (1, 2)]
        expected = whole.stem(whole.on(engine), "vocals")
        for run in pieces:
            assert numpy.array_equal(run.stem(run.on(engine), "vocals"), expected)
        assert warnings_of(pieces[0]) == ["tiny gives different output in pieces: retrying without pieces"]
        assert warnings_of(pieces[1]) == [], "it is known from then on"


def test_what_does_neither_fit_nor_go_in_pieces_fails_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine_of("bigshifts") as engine:
        make_loudness_matter(engine, monkeypatch)
        song = mixture(tmp_path / "song.wav", seconds=8.3)
        model = tiny_model(tmp_path / "model")
        run = Run(tmp_path / "run", song, model, piece_seconds=PIECE_SECONDS, whole_fits=False)
        with pytest.raises(Failure) as failed:
            run.on(engine)
        assert failed.value.kind == "SEPARATION_FAILED"
        assert "too long for the memory of this host" in failed.value.message
        assert list(run.output.iterdir()) == []


@pytest.mark.skipif(not CLEAR_REFS.exists(), reason="needs /proc to measure memory")
def test_eight_hours_take_the_memory_of_five_minutes(tmp_path: Path) -> None:
    with engine_of("bigshifts") as engine:
        # It is not the network that is to take the time here: few samples a second, chunks of 16 s.
        sizes = {"sample_rate": SLOW_RATE, "chunk_size": 16 * SLOW_RATE, "num_channels": 1}
        model = tiny_model(tmp_path, **{f"audio__{key}": size for key, size in sizes.items()})
        peaks = []
        for name, seconds, piece_seconds in (("short", 300, None), ("long", 8 * 3600, 240.0)):
            song = tones_and_silence(tmp_path / f"{name}.wav", seconds)
            run = Run(
                tmp_path / name,
                song,
                model,
                **{"instruments": ["vocals"], "output_format": "flac", "pcm_type": "PCM_16"},
                piece_seconds=piece_seconds,
                whole_fits=piece_seconds is None,
            )
            before = forget_peak()
            (stem,) = run.on(engine).stems
            peaks.append(peak() - before)
            assert stem.duration_seconds == seconds
            assert_loud_and_silent(run.output / stem.filename, seconds)
    short, long = peaks
    assert long <= 1.5 * short + 20_000_000


def tones_and_silence(path: Path, seconds: int) -> Path:
    """A minute of a tone, a minute of silence, and so on."""
    tone = 0.3 * numpy.sin(2 * numpy.pi * 220 * numpy.arange(60 * SLOW_RATE) / SLOW_RATE)
    with soundfile.SoundFile(path, "w", SLOW_RATE, 1, "PCM_16") as file:
        for minute in range(seconds // 60):
            file.write(tone if minute % 2 == 0 else numpy.zeros_like(tone))
    return path


def assert_loud_and_silent(stem: Path, seconds: int) -> None:
    # The stand-in's bias is all that is heard where nothing plays: it is the same wherever that is.
    with soundfile.SoundFile(stem) as file:
        for minute in (0, 1, seconds // 60 - 2, seconds // 60 - 1):
            file.seek((60 * minute + 20) * SLOW_RATE)
            heard = file.read(SLOW_RATE)
            assert (heard.std() > 0.01) == (minute % 2 == 0)


def forget_peak() -> int:
    """Forget how much memory this process has taken at most; gives what it takes now, in bytes."""
    CLEAR_REFS.write_text("5")
    return peak()


def peak() -> int:
    """How much memory it has taken at most since then, in bytes."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def make_loudness_matter(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """An MSST whose stems depend on all it is given."""
    namespace = engine._msst.namespace
    wrapper = namespace["bigshifts_wrapper"]

    def louder(config: Any, model: Any, mix: Any, *arguments: Any, **options: Any) -> Any:
        stems = wrapper(config, model, mix, *arguments, **options)
        return {name: stem * (1 + numpy.abs(mix).mean()) for name, stem in stems.items()}

    monkeypatch.setitem(namespace, "bigshifts_wrapper", louder)


def test_a_long_mixture_that_is_cancelled_while_it_is_decoded_leaves_nothing(
    engine: Engine, tmp_path: Path
) -> None:
    model = small_model("bs_roformer", tmp_path / "model")
    song = mixture(tmp_path / "song.wav", seconds=60.0, channels=1)
    run = Run(tmp_path / "run", song, model, piece_seconds=PIECE_SECONDS)

    def cancel(method: str, message: Any) -> None:
        if method == "progress" and message.stage == "decoding":
            run.request.cancelled.set()

    run.on_message = cancel
    with pytest.raises(Cancelled):
        run.on(engine)
    assert run.progress("separating") == []
    assert list(run.output.iterdir()) == []
    assert list(Path(run.params.scratch_dir).iterdir()) == []
