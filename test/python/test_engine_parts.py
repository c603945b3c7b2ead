"""The parts of the engine that need no MSST to be tried."""

from __future__ import annotations

import pickle
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from python_worker.attempt import Attempt, AttemptKey
from python_worker.engine.msst.failures import explain, is_broken_device, without_paths
from python_worker.engine.msst.model_config import is_mono
from python_worker.engine.pieces.piece_plan import grid_of
from python_worker.engine.stems.stem_writer import StemWriter, safe_name
from python_worker.process.rpc import Request
from python_worker.protocol import Failure, Progress, SeparateOptions


def progress_of(said: list[tuple[str, Any]]) -> list[Progress]:
    return [message for method, message in said if method == "progress"]


def test_progress_is_thinned_but_the_last_of_a_stage_is_never_lost() -> None:
    said: list[tuple[str, Any]] = []
    attempt = Attempt(
        AttemptKey("t", 1),
        Request(1, "separate", None),
        lambda method, message: said.append((method, message)),
    )
    started = time.monotonic()
    for done in range(1, 5001):
        attempt.progress("separating", done, 5000)
    attempt.progress("encoding")
    seconds = time.monotonic() - started
    attempt.progress("encoding", 0, 0)
    attempt.end()
    attempt.progress("encoding", 0, 0)
    separating = [message.done for message in progress_of(said) if message.stage == "separating"]
    assert separating[-1] == 5000
    assert len(separating) <= 2 + 10 * seconds
    assert len(progress_of(said)) == len(separating) + 2, "nothing follows the end"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Cannot open /srv/data/x.wav: gone", "Cannot open a file: gone"),
        ("in '/srv/my songs/a b.wav'", "in a file"),
        ('File "/usr/lib/python3/x.py", line 1', "File a file, line 1"),
        ("I/O error and/or 1/2", "I/O error and/or 1/2"),
        ("(/tmp/a/b)", "(a file)"),
        ("~/secret/model.ckpt", "a file"),
        ("secret model.ckpt", "secret a file"),
        ("'secret model.ckpt' is not a file", "a file is not a file"),
        ("no file named pretrain/secret-1.0.ckpt.", "no file named a file."),
        ("C:\\models\\secret.th, ..\\secret", "a file, a file"),
        ("secret.YAML line 3", "a file line 3"),
        ("size mismatch for layers.0.weight: 1.5 / 2", "size mismatch for layers.0.weight: 1.5 / 2"),
        ("module 'torch' has no attribute 'th'", "module 'torch' has no attribute 'th'"),
        ("couldn't connect to 'https://hub.example'", "couldn't connect to 'https://hub.example'"),
        ("see http://hub.example/docs/1#offline", "see http://hub.example/docs/1#offline"),
        ("https://hub.example/secret.ckpt", "https:a file"),
        ("file:///srv/secret", "file:a file"),
    ],
)
def test_paths_are_cut_from_what_clients_read(text: str, expected: str) -> None:
    assert without_paths(text) == expected


def test_no_text_of_whatever_length_takes_long_to_clear_of_paths() -> None:
    for piece in ("/", "a/", "a.", "'", "~/a ", ".ckpt", "a.ckp"):
        began = time.process_time()
        without_paths(piece * 1_000_000)
        assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "wrap",
    [
        OSError,
        RuntimeError,
        ValueError,
        KeyError,
        EOFError,
        pickle.UnpicklingError,
        zipfile.BadZipFile,
        lambda text: FileNotFoundError(2, "No such file", text),
        lambda text: PermissionError(13, "Permission denied", text),
        lambda text: IsADirectoryError(21, "Is a directory", text),
        lambda text: RuntimeError(f"Error(s) in loading state_dict for {text}"),
        lambda text: ModuleNotFoundError(f"No module named {text}"),
    ],
)
@pytest.mark.parametrize("is_loading", [True, False])
@given(
    folder=st.sampled_from(["", "pretrain/", "/srv/models/", "~/", "C:\\m\\", "../"]),
    ending=st.sampled_from(
        [".ckpt", ".th", ".pth", ".pt", ".bin", ".safetensors", ".yaml", ".yml", ".json", ".py", ".CKPT"]
    ),
    quote=st.sampled_from(["", "'", '"']),
    around=st.sampled_from(["{}", "{}: broken", "in {}, line 3", "({})"]),
)
@settings(max_examples=20, deadline=None)
def test_no_failure_tells_a_client_the_name_of_a_file(
    wrap: Any, is_loading: bool, folder: str, ending: str, quote: str, around: str
) -> None:
    text = around.format(f"{quote}{folder}SECRET-1.0_x{ending}{quote}")
    failure = explain(wrap(text), is_loading=is_loading, model_name="m")
    assert "SECRET" not in failure.message


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate"),
    ],
)
def test_out_of_memory_is_told_through_the_wrappings_of_msst(error: Exception) -> None:
    wrapped = ValueError("Cannot process audio file")
    wrapped.__cause__ = error
    assert explain(wrapped, is_loading=False, model_name="m").kind == "OUT_OF_MEMORY"


@pytest.mark.parametrize(
    ("error", "broken"),
    [
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered"), True),
        (RuntimeError("CUDA error: uncorrectable ECC error encountered"), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), False),
        (RuntimeError("CUDA error: no kernel image is available for execution on the device"), False),
        (ValueError("a device-side assert, told of by something else"), False),
    ],
)
def test_a_device_is_given_up_for_errors_that_stay(error: Exception, broken: bool) -> None:
    wrapped = ValueError("Cannot process audio file")
    wrapped.__cause__ = error
    assert is_broken_device(wrapped) == broken


def test_a_failure_of_ours_comes_out_of_the_wrappings_as_it_was() -> None:
    wrapped = ValueError("Cannot process audio file /x/y: Failure")
    wrapped.__cause__ = Failure("INVALID_AUDIO", "No audio.")
    failure = explain(wrapped, is_loading=True, model_name="m")
    assert (failure.kind, failure.message) == ("INVALID_AUDIO", "No audio.")
    assert "Cannot process audio file" in str(failure.traceback)


def test_a_module_that_is_not_there_is_named() -> None:
    error = ModuleNotFoundError("No module named 'demucs'", name="demucs")
    failure = explain(error, is_loading=True, model_name="ft")
    expected = "The model ft cannot be loaded: it needs the Python module demucs, which is not installed."
    assert (failure.kind, failure.message) == ("MODEL_UNAVAILABLE", expected)


def test_a_download_that_fails_is_no_file_that_the_model_lacks() -> None:
    # As transformers and huggingface_hub raise them.
    refused = ConnectionRefusedError(111, "Connection refused")
    not_cached = FileNotFoundError("Cannot find the requested files in the local cache.")
    not_cached.__cause__ = refused
    told = OSError("We couldn't connect to 'https://hub.example' to load the files.")
    told.__cause__ = not_cached
    for error in (told, not_cached):
        failure = explain(error, is_loading=True, model_name="m")
        assert failure.message == f"The model m cannot be loaded: {error}"
    gone = FileNotFoundError(2, "No such file or directory", "m.ckpt")
    failure = explain(gone, is_loading=True, model_name="m")
    assert failure.message == "The model m cannot be loaded: one of its files is missing."


def config(**sections: Any) -> SimpleNamespace:
    return SimpleNamespace(**{name: SimpleNamespace(**values) for name, values in sections.items()})


def test_the_number_of_forwards_follows_from_the_yaml() -> None:
    generic = config(audio={"chunk_size": 100}, inference={"num_overlap": 4, "batch_size": 3}, training={})
    # 1000 samples and a border of 75 on both sides: 46 steps of 25, in batches of 3.
    assert batches_of(generic, "mdx23c", 1000) == 16
    # Not longer than two borders: none is added.
    assert batches_of(generic, "mdx23c", 150) == 2
    demucs = config(training={"samplerate": 10, "segment": 10}, inference={"num_overlap": 4, "batch_size": 1})
    assert batches_of(demucs, "htdemucs", 1000) == 40
    assert grid_of(config(), "mdx23c") is None


def batches_of(config: Any, architecture: str, samples: int) -> int:
    grid = grid_of(config, architecture)
    assert grid is not None
    return grid.batches(samples)


@pytest.mark.parametrize(
    ("sections", "mono"),
    [
        ({}, False),
        ({"audio": {"num_channels": 1}}, True),
        ({"audio": {"num_channels": 2}}, False),
        ({"training": {"channels": 1}}, True),
        ({"model": {"stereo": False}}, True),
        ({"model": {"stereo": True}}, False),
    ],
)
def test_a_model_is_mono_only_if_its_yaml_says_so(sections: dict[str, Any], mono: bool) -> None:
    assert is_mono(config(**sections)) is mono


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
