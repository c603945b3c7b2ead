"""Turns exceptions raised in MSST into failures with a reason for clients."""

from __future__ import annotations

import pickle
import re
import traceback
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch

from ...full_disk import full_disk_failure, is_full_disk
from ...protocol import Failure
from .own_line import own_line

MAX_SENTENCE = 300
MAX_TRACEBACK = 100_000
MAX_READ = 4 * MAX_SENTENCE
"""The maximum number of characters processed of a text that is turned into a sentence."""

# Suffixes of models, configurations, code and audio files.
_ENDING = (
    r"\.(?:ckpt|chpt|th|pth|pt|pt2|bin|safetensors|onnx|pkl|pickle|tar|zip|ya?ml|json|toml|pyc?|so|"
    r"wav|flac|mp3|ogg|opus|m4a|mp4)\b"
)
_QUOTED_FILE = re.compile(rf"(['\"])(?:(?:~|[A-Za-z]:|\.\.?)?[\\/][^'\"]*|[^'\"]*{_ENDING})\1", re.IGNORECASE)
# Does not match the rest of a http: or https: URL.
_PATH = re.compile(r"(?<![\w.\\/])(?<!\bhttp:)(?<!\bhttps:)(?:~|[A-Za-z]:|\.\.?)?[\\/][^\s'\":,;()\[\]<>]+")
_FILE_NAME = re.compile(rf"(?<![\w.\\/])[\w.+@\\/-]*?{_ENDING}", re.IGNORECASE)

OUT_OF_MEMORY_SIGNS = ("out of memory", "can't allocate memory", "cannot allocate memory")
# After any of these, every further GPU call of this process fails; other processes are not affected.
BROKEN_DEVICE_SIGNS = (
    "device-side assert",
    "illegal memory access",
    "illegal instruction",
    "illegal address",
    "misaligned address",
    "invalid program counter",
    "hardware stack error",
    "uncorrectable ecc error",
    "uncorrectable nvlink error",
    "unspecified launch failure",
    "launch timed out",
    "context is destroyed",
)
DAMAGED_SIGNS = ("PytorchStreamReader", "not a ZIP archive", "corrupt", "unexpected EOF", "not whole")


def explain(
    error: BaseException, *, is_loading: bool, model_name: str, msst_root: Path | None = None
) -> Failure:
    """Convert an exception to a failure.

    MSST wraps exceptions, so the whole chain of causes is examined.

    Args:
        error: the exception.
        is_loading: whether the model was still being loaded.
        model_name: for the message.
        msst_root: the checkout's root; the message names the line in it that failed.
    """
    details = "".join(traceback.format_exception(error))[-MAX_TRACEBACK:]
    chain = list(_chain(error))
    for link in chain:
        if isinstance(link, Failure):
            return Failure(link.kind, link.message, link.traceback or details)
    # Checked before is_loading: a full disk is not the fault of the model's files.
    if any(is_full_disk(link) for link in chain):
        return full_disk_failure(details)
    if is_out_of_memory(error):
        doing = "loading the model" if is_loading else "separating"
        return Failure("OUT_OF_MEMORY", f"Memory ran out while {doing}.", details)
    if is_loading:
        sentence = f"The model {model_name} cannot be loaded: {_load_reason(chain, msst_root)}"
        return Failure("MODEL_UNAVAILABLE", sentence, details)
    sentence = f"MSST failed while separating: {_placed_sentence(_deepest_cause(error), msst_root)}"
    return Failure("SEPARATION_FAILED", sentence, details)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out."""
    return any(_says_out_of_memory(link) for link in _chain(error))


def is_broken_device(error: BaseException) -> bool:
    """Whether an error means that this process can no longer use the GPU."""
    return any(
        isinstance(link, RuntimeError) and any(sign in str(link).lower() for sign in BROKEN_DEVICE_SIGNS)
        for link in _chain(error)
    )


def without_paths(text: str) -> str:
    """Replace every path and file name in a text by `a file`, so that it can be shown to clients."""
    text = _QUOTED_FILE.sub("a file", text[:MAX_READ])
    text = _PATH.sub("a file", text)
    return _FILE_NAME.sub("a file", text)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _deepest_cause(error: BaseException) -> BaseException:
    # Only explicit causes: an exception's context may be an error that was handled.
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _says_out_of_memory(error: BaseException) -> bool:
    # torch.OutOfMemoryError is a RuntimeError; older versions have it only in torch.cuda.
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in OUT_OF_MEMORY_SIGNS)


def _load_reason(chain: list[BaseException], msst_root: Path | None) -> str:
    for link in chain:
        text = str(link)
        if not isinstance(link, ModuleNotFoundError) and _line(link, msst_root) is not None:
            # The checkout's code failed, not the model's files.
            return _placed_sentence(link, msst_root)
        if isinstance(link, ModuleNotFoundError) and link.name:
            return f"it needs the Python module {link.name}, which is not installed."
        # Raised by the system. Without errno it is from a library, about a failed download for instance.
        if isinstance(link, FileNotFoundError) and link.errno is not None:
            return "one of its files is missing."
        if "loading state_dict" in text:
            return f"the checkpoint does not fit the configuration: {_sentence(link)}"
        damaged = isinstance(link, pickle.UnpicklingError | EOFError | zipfile.BadZipFile)
        if damaged or any(sign in text for sign in DAMAGED_SIGNS):
            return "its checkpoint is damaged, incomplete, or not a PyTorch checkpoint."
        if isinstance(link, OSError) and link.errno is None and text:
            return _sentence(link)
    return _sentence(chain[-1] if chain[-1].__cause__ is None else chain[0])


def _line(error: BaseException, msst_root: Path | None) -> str | None:
    return None if msst_root is None else own_line(error, msst_root)


def _placed_sentence(error: BaseException, msst_root: Path | None) -> str:
    line, sentence = _line(error, msst_root), _sentence(error)
    if isinstance(error, SystemExit) and not isinstance(error.code, str):
        sentence = "It ended the process it runs in"
    if isinstance(error, EOFError) and line is not None:
        sentence = "It waits for input from a terminal, but there is none"
    return sentence if line is None else f"{sentence.rstrip('.')} ({line})."


def _sentence(error: BaseException) -> str:
    words = " ".join(without_paths(str(error)).split())
    if not words:
        return f"{type(error).__name__}."
    return words if len(words) <= MAX_SENTENCE else words[: MAX_SENTENCE - 1] + "…"
