"""Sets up MSST's working directory, and restores the process state that a run may change."""

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

# Relative, because upstream MSST globs for files, and an absolute path may contain a folder `[2024]`.
INPUT_FOLDER = "input"
OUTPUT_FOLDER = "output"
MOST_ENTRIES = 1000
"""The maximum number of entries of the checkout's folder that are linked."""


@contextmanager
def msst_folder(root: Path, scratch: Path) -> Iterator[Path]:
    """Run MSST in a temporary folder that links to the files of its checkout.

    When run by hand, MSST runs in the checkout, so an edited one may open its files by relative paths. What
    it writes by relative paths is deleted with the folder.

    Args:
        root: the checkout's root.
        scratch: where the folder is created.

    Yields:
        The folder, which is the working directory, with empty subfolders for mixtures and stems.
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
    """Change to a folder and set sys.argv as for a run by hand: MSST's parsers must not see ours."""
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
    """Restore process-wide state that MSST may change; exit if this is a process that it has forked."""
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
    """A new stream on the same descriptor, so that MSST cannot close ours."""
    try:
        return open(
            stream.fileno(), "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
        )
    except (OSError, ValueError):
        # A substitute without a descriptor, as in tests.
        return stream


def _open_again(descriptor: int) -> None:
    """Reopen a descriptor if MSST closed it; otherwise the next opened file would get it, and the output."""
    try:
        os.fstat(descriptor)
    except OSError:
        os.dup2(2, descriptor)


def end_if_forked_from(process: int) -> None:
    """Exit if this is a fork of a process: it shares the channel and would answer for the original."""
    if os.getpid() != process:
        os._exit(1)


def link_mixture(mixture: Path, name: str) -> None:
    """Hard-link a mixture into the input folder, so that MSST may delete it."""
    link = Path(INPUT_FOLDER, f"{name}{mixture.suffix.lower()}")
    try:
        os.link(mixture, link)
    except OSError:
        # Another file system, or a file of another user.
        link.symlink_to(mixture)
