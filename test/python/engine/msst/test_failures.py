"""What clients are told of the errors that MSST raises."""

from __future__ import annotations

import pickle
import time
import zipfile
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from python_worker.engine.msst.failures import explain, is_broken_device, without_paths
from python_worker.protocol import Failure


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
