"""Bindings for libsndfile, MSST's decoder, to check whether it opens an upload and how much it reads.

Uses the library bundled with the `soundfile` package by ctypes, because the package itself needs numpy.
"""

from __future__ import annotations

import ctypes
import os
import sys
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..limits import Deadline

SUFFIX = ".dylib" if sys.platform == "darwin" else ".so"
SYSTEM_NAME = "libsndfile.1.dylib" if sys.platform == "darwin" else "libsndfile.so.1"
READ = 0x10
FROM_START = 0
BLOCK_SAMPLES = 1 << 15


class _Info(ctypes.Structure):
    """SF_INFO of sndfile.h."""

    _fields_ = (
        ("frames", ctypes.c_int64),
        ("samplerate", ctypes.c_int),
        ("channels", ctypes.c_int),
        ("format", ctypes.c_int),
        ("sections", ctypes.c_int),
        ("seekable", ctypes.c_int),
    )


class SoundFile:
    """A file opened by libsndfile.

    Attributes:
        samples: samples per channel as libsndfile determines without decoding; it never reads more.
        sample_rate: in Hz.
        channels: the number of channels.
        format: container and encoding, as numbered in sndfile.h.
    """

    def __init__(self, handle: int, info: _Info) -> None:
        self._handle = handle
        self.samples: int = info.frames
        self.sample_rate: int = info.samplerate
        self.channels: int = info.channels
        self.format: int = info.format

    def read(self, most: int) -> array[float]:
        """Reads at most so many samples per channel, interleaved; empty at the end."""
        values = array("f", bytes(4 * most * self.channels))
        address, _ = values.buffer_info()
        got = load().sf_readf_float(self._handle, address, most)
        return values[: max(0, got) * self.channels]

    def read_end(self, from_sample: int, deadline: Deadline) -> int:
        """Reads from a sample to the end. Returns the position of the end; 0 if seeking fails."""
        at: int = load().sf_seek(self._handle, max(0, from_sample), FROM_START)
        return 0 if at < 0 else self.read_on(at, deadline)

    def read_on(self, at: int, deadline: Deadline) -> int:
        """Reads from the current position, sample `at`, to the end. Returns the position of the end."""
        while at < self.samples:
            deadline.check()
            got = len(self.read(min(BLOCK_SAMPLES, self.samples - at))) // self.channels
            if got == 0:
                break
            at += got
        return at


@contextmanager
def opened(path: str | Path) -> Iterator[SoundFile | None]:
    """Opens a file with libsndfile, as MSST does; None if it cannot be opened."""
    with _quiet():
        info = _Info()
        handle = load().sf_open(os.fsencode(path), READ, ctypes.byref(info))
        if not handle:
            yield None
            return
        try:
            is_sound = info.frames >= 0 and info.channels > 0 and info.samplerate > 0
            yield SoundFile(handle, info) if is_sound else None
        finally:
            load().sf_close(handle)


def is_there() -> bool:
    """Whether the library can be loaded; the set-up installs one."""
    try:
        load()
    except OSError:
        return False
    return True


@cache
def load() -> Any:
    """Loads the library; raises OSError if there is none."""
    spec = find_spec("_soundfile_data")
    folders = spec.submodule_search_locations if spec is not None else None
    carried = sorted(path for folder in folders or () for path in Path(folder).glob(f"libsndfile*{SUFFIX}"))
    library = ctypes.CDLL(str(carried[0]) if carried else SYSTEM_NAME)
    handle = ctypes.c_void_p
    library.sf_open.argtypes = (ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(_Info))
    library.sf_open.restype = handle
    library.sf_seek.argtypes = (handle, ctypes.c_int64, ctypes.c_int)
    library.sf_seek.restype = ctypes.c_int64
    library.sf_readf_float.argtypes = (handle, ctypes.c_void_p, ctypes.c_int64)
    library.sf_readf_float.restype = ctypes.c_int64
    library.sf_close.argtypes = (handle,)
    return library


@contextmanager
def _quiet() -> Iterator[None]:
    """Redirects stderr to /dev/null: libsndfile's MP3 decoder writes to it and cannot be silenced."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
