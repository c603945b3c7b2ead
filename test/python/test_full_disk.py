"""A full disk, made by a limit on how long a file may become: the kernel refuses every byte above it."""

from __future__ import annotations

import contextlib
import errno
import json
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import make_audio
import numpy
import pytest
from child_process import ChildProcess
from separating import STARTER, Run, engine_of, mixture

from python_worker.engine.msst.failures import explain
from python_worker.engine.stems.stem_writer import StemWriter
from python_worker.full_disk import full_disk_failure
from python_worker.media.staging.wav_writer import WavWriter
from python_worker.protocol import Failure, SeparateOptions, WrittenStem

SENTENCE = "The disk of the server is full, so this task could not be completed. Submit it again later."
SOUND = numpy.random.default_rng(1).standard_normal((60_000, 2)) / 8


@contextlib.contextmanager
def room_for(file_bytes: int) -> Iterator[None]:
    """No file of this process may become longer."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def stem_writer(folder: Path, output_format: Any, pcm_type: Any) -> StemWriter:
    options = SeparateOptions(
        instruments=["drums"],
        use_tta=False,
        extract_instrumental=False,
        output_format=output_format,
        pcm_type=pcm_type,
        bigshifts=1,
        num_overlap=None,
        batch_size=None,
    )
    return StemWriter(folder, options, lambda: None)


@pytest.mark.parametrize(
    ("output_format", "pcm_type"),
    [("wav", "PCM_16"), ("wav", "FLOAT"), ("flac", "PCM_16"), ("flac", "PCM_24")],
)
def test_a_stem_that_the_disk_did_not_take_whole_is_never_reported_as_written(
    output_format: Any, pcm_type: Any, tmp_path: Path
) -> None:
    (whole,) = written(stem_writer(tmp_path, output_format, pcm_type), "whole")
    size = whole.bytes
    # The last ones miss what libsndfile writes when it closes the file.
    missing = [size, size - 20, size - 100, size // 2, 5000, 300, 100, 20, 5, 1]
    for number, lacks in enumerate(missing):
        writer = stem_writer(tmp_path, output_format, pcm_type)
        with room_for(size - lacks), pytest.raises(OSError) as caught:
            written(writer, f"cut {number}")
        assert caught.value.errno == errno.EFBIG
        writer.discard()
    assert [path.name for path in tmp_path.iterdir()] == [whole.filename]
    with room_for(size):
        assert written(stem_writer(tmp_path, output_format, pcm_type), "again")[0].bytes == size


def written(writer: StemWriter, instrument: str) -> list[WrittenStem]:
    writer.append(instrument, SOUND, 44100, of=len(SOUND))
    return writer.finish()


@pytest.mark.parametrize("lacks", [100_000, 50_000, 100, 1])
def test_a_staged_mixture_that_the_disk_did_not_take_whole_leaves_nothing(lacks: int, tmp_path: Path) -> None:
    samples = bytes(200_000)

    def write() -> None:
        with WavWriter(tmp_path / "mixture.wav", 44100, 2) as writer:
            writer.write(samples)

    with room_for(len(samples) + 94 - lacks), pytest.raises(OSError):
        write()
    assert list(tmp_path.iterdir()) == []
    with room_for(len(samples) + 94):
        write()


@pytest.mark.filterwarnings("ignore")
def test_a_separation_on_a_full_disk_fails_as_such_leaves_nothing_and_the_next_one_works(
    tmp_path: Path,
) -> None:
    song = mixture(tmp_path / "song.wav", seconds=2)
    with engine_of("package") as engine:
        cut = Run(tmp_path / "cut", song, STARTER)
        with room_for(300_000), pytest.raises(Failure) as caught:
            cut.on(engine)
        assert (caught.value.kind, caught.value.message) == ("INSUFFICIENT_STORAGE", SENTENCE)
        assert list(cut.output.iterdir()) == []
        assert list(Path(cut.params.scratch_dir).iterdir()) == []
        assert len(Run(tmp_path / "whole", song, STARTER).on(engine).stems) == 3


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_disk_that_is_full_while_a_model_is_loaded_does_not_make_the_model_unavailable(number: int) -> None:
    wrapped = RuntimeError("MSST failed")
    wrapped.__cause__ = OSError(number, "no room", "/secret/scratch/config.yaml")
    failure = explain(wrapped, is_loading=True, model_name="starter")
    assert (failure.kind, failure.message) == ("INSUFFICIENT_STORAGE", SENTENCE)


def test_a_disk_that_cannot_be_written_for_another_reason_is_no_full_one() -> None:
    failure = explain(OSError(errno.EIO, "broken"), is_loading=False, model_name="starter")
    assert failure.kind == "SEPARATION_FAILED"


def test_a_media_child_that_meets_a_full_disk_says_so_leaves_nothing_and_serves_on(tmp_path: Path) -> None:
    path = make_audio.make("flac", tmp_path / "in", seconds=2)
    output = tmp_path / "out"
    output.mkdir()

    def stage_to(name: str, request_id: int) -> Any:
        params = {
            "task_id": "task",
            "attempt": 1,
            "path": str(path),
            "container": "flac",
            "duration_seconds": 2.0,
            "output_path": str(output / name),
        }
        return child.call("stage", params, request_id)

    with room_for(100_000):
        child = ChildProcess()
    with child:
        initialize = Path(__file__).parents[1] / "fixtures" / "protocol" / "initialize.media.request.json"
        child.call("initialize", json.loads(initialize.read_text())["message"]["params"], 1)
        error = stage_to("mixture.wav", 2)["error"]
        assert error["message"] == SENTENCE
        assert error["data"]["kind"] == "INSUFFICIENT_STORAGE"
        assert list(output.iterdir()) == []
        resource.prlimit(child.process.pid, resource.RLIMIT_FSIZE, (10**9, resource.RLIM_INFINITY))
        assert "result" in stage_to("mixture.wav", 3)


def test_a_full_disk_is_told_as_the_servers_fault() -> None:
    failure = full_disk_failure("where")
    assert (failure.kind, failure.traceback) == ("INSUFFICIENT_STORAGE", "where")
    assert failure.message == (
        "The disk of the server is full, so this task could not be completed. Submit it again later."
    )
