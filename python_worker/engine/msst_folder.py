"""The folder in which MSST runs, and the process it runs in, which is afterwards as it was."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

import torch

# Relative, because upstream MSST looks for files by a glob pattern, and a folder may be called `[2024]`.
INPUT_FOLDER = "input"
OUTPUT_FOLDER = "output"
MOST_ENTRIES = 1000
"""Of the checkout's own folder that can be opened by a relative path."""


@contextmanager
def msst_folder(root: Path, scratch: Path) -> Iterator[Path]:
    """Run MSST in a folder of its own, in which the files of its checkout seem to lie.

    People run it by hand in the checkout, so an edited one may open its files by relative paths. What it
    writes by relative paths is gone with the folder.

    Args:
        root: of the checkout.
        scratch: where the folder is made.

    Yields:
        the folder, which is the working directory, with an empty one each for mixtures and stems.
    """
    with TemporaryDirectory(prefix="try-", dir=scratch.absolute()) as name:
        own = Path(name)
        for folder in (INPUT_FOLDER, OUTPUT_FOLDER):
            (own / folder).mkdir()
        with os.scandir(root) as entries:
            for entry in itertools.islice(entries, MOST_ENTRIES):
                if entry.name not in (INPUT_FOLDER, OUTPUT_FOLDER):
                    (own / entry.name).symlink_to(root / entry.name)
        with unchanged_process(), as_by_hand(own):
            yield own


@contextmanager
def as_by_hand(folder: Path) -> Iterator[None]:
    """Be in a folder, with the command line of a run by hand: MSST's parsers know no word of ours."""
    before, arguments = Path.cwd(), sys.argv
    sys.argv = ["inference.py"]
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        sys.argv = arguments


@contextmanager
def unchanged_process() -> Iterator[None]:
    """Put back what a run of MSST may change for those after it; end a process that it has forked off."""
    process, streams, search, environment = (
        os.getpid(),
        (sys.stdout, sys.stderr),
        sys.path[:],
        dict(os.environ),
    )
    sys.stdout, sys.stderr = (_stream_like(stream) for stream in streams)
    threads, kind, has_gradients = torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled()
    try:
        yield
    finally:
        end_if_forked_from(process)
        sys.stdout, sys.stderr = streams
        _open_again(1)
        sys.path[:] = search
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        torch.set_default_dtype(kind)
        torch.set_grad_enabled(has_gradients)


def _stream_like(stream: TextIO) -> TextIO:
    """One more on the same descriptor: what MSST closes is then not ours."""
    try:
        return open(
            stream.fileno(), "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
        )
    except (OSError, ValueError):
        # What stands in for one, as in tests, has no descriptor.
        return stream


def _open_again(descriptor: int) -> None:
    """Where MSST closed a descriptor, the next file that is opened would get it, and what is printed."""
    try:
        os.fstat(descriptor)
    except OSError:
        os.dup2(2, descriptor)


def end_if_forked_from(process: int) -> None:
    """End a copy that MSST made of a process: it has the descriptors of that one, and would answer for it."""
    if os.getpid() != process:
        os._exit(1)


def link_mixture(mixture: Path, name: str) -> None:
    """Put a mixture into the input folder, as a second entry of its file: deleting it does no harm."""
    link = Path(INPUT_FOLDER, f"{name}{mixture.suffix.lower()}")
    try:
        os.link(mixture, link)
    except OSError:
        # Another file system, or another's file.
        link.symlink_to(mixture)
