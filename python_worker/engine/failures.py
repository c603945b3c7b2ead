"""From an exception somewhere in MSST to a reason a client can read."""

from __future__ import annotations

import pickle
import re
import traceback
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch

from ..full_disk import full_disk_failure, is_full_disk
from ..protocol import Failure
from .own_line import own_line

MAX_SENTENCE = 300
MAX_TRACEBACK = 100_000
MAX_READ = 4 * MAX_SENTENCE
"""Of a text that may have any length, and of which a sentence is made."""

# What models, their configurations, code and songs are kept in.
_ENDING = (
    r"\.(?:ckpt|chpt|th|pth|pt|pt2|bin|safetensors|onnx|pkl|pickle|tar|zip|ya?ml|json|toml|pyc?|so|"
    r"wav|flac|mp3|ogg|opus|m4a|mp4)\b"
)
_QUOTED_FILE = re.compile(rf"(['\"])(?:(?:~|[A-Za-z]:|\.\.?)?[\\/][^'\"]*|[^'\"]*{_ENDING})\1", re.IGNORECASE)
# Not what follows http: or https:.
_PATH = re.compile(r"(?<![\w.\\/])(?<!\bhttp:)(?<!\bhttps:)(?:~|[A-Za-z]:|\.\.?)?[\\/][^\s'\":,;()\[\]<>]+")
_FILE_NAME = re.compile(rf"(?<![\w.\\/])[\w.+@\\/-]*?{_ENDING}", re.IGNORECASE)

OUT_OF_MEMORY_SIGNS = ("out of memory", "can't allocate memory", "cannot allocate memory")
# After any of these every further call to the GPU fails, in this process alone.
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
    """The failure that an exception means.

    MSST wraps what goes wrong inside it, so the whole chain of causes is looked at.

    Args:
        is_loading: whether the model was still being loaded.
        model_name: for the sentence.
        msst_root: of the checkout, whose own lines are named.
    """
    details = "".join(traceback.format_exception(error))[-MAX_TRACEBACK:]
    chain = list(_chain(error))
    for link in chain:
        if isinstance(link, Failure):
            return Failure(link.kind, link.message, link.traceback or details)
    # Also while a model is loaded: its files are not to blame.
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
    """Whether an error means that the GPU does nothing more for this process."""
    return any(
        isinstance(link, RuntimeError) and any(sign in str(link).lower() for sign in BROKEN_DEVICE_SIGNS)
        for link in _chain(error)
    )


def without_paths(text: str) -> str:
    """A text for clients, in which every path and every name of a file of ours is just `a file`."""
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
    # Only causes that were named as such: a context may be an error that was dealt with.
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _says_out_of_memory(error: BaseException) -> bool:
    # torch.OutOfMemoryError is a RuntimeError; older torch has it under torch.cuda only.
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in OUT_OF_MEMORY_SIGNS)


def _load_reason(chain: list[BaseException], msst_root: Path | None) -> str:
    for link in chain:
        text = str(link)
        if not isinstance(link, ModuleNotFoundError) and _line(link, msst_root) is not None:
            # A line of theirs, and no file of the model, is what failed.
            return _placed_sentence(link, msst_root)
        if isinstance(link, ModuleNotFoundError) and link.name:
            return f"it needs the Python module {link.name}, which is not installed."
        # The system's. Without a number it is a library's, in words of its own: of a download, for instance.
        if isinstance(link, FileNotFoundError) and link.errno is not None:
            return "a file it consists of is not there."
        if "loading state_dict" in text:
            return f"the checkpoint does not fit the configuration: {_sentence(link)}"
        damaged = isinstance(link, pickle.UnpicklingError | EOFError | zipfile.BadZipFile)
        if damaged or any(sign in text for sign in DAMAGED_SIGNS):
            return "its checkpoint is damaged, incomplete, or no PyTorch checkpoint."
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
        sentence = "It waits for an answer from a terminal, and there is none"
    return sentence if line is None else f"{sentence.rstrip('.')} ({line})."


def _sentence(error: BaseException) -> str:
    words = " ".join(without_paths(str(error)).split())
    if not words:
        return f"{type(error).__name__}."
    return words if len(words) <= MAX_SENTENCE else words[: MAX_SENTENCE - 1] + "…"
