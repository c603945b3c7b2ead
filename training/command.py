"""What the recipe's commands have in common: how they read numbers, work through many items, and end."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any

from tqdm import tqdm

# What the system says when there is no room: on the disk, in a quota, under a limit of the process.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class CommandError(Exception):
    """A command cannot go on; its message is a whole sentence for the person who ran it."""


def run(command: Callable[[], None]) -> int:
    """Run a command and turn what ends it into an exit status and one sentence on stderr.

    Returns:
        0 when it did all it was asked; 1 when it could not (`CommandError`, `OSError`, a process killed);
        130 when it was interrupted.
    """
    try:
        command()
    except CommandError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(sentence_of(error), file=sys.stderr)
        return 1
    except BrokenProcessPool:
        print(
            "A process of this command was killed; perhaps the memory was full. "
            "The same command goes on from what is whole; fewer --workers need less.",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print(
            "Interrupted. What was finished is whole; the same command goes on from there.", file=sys.stderr
        )
        return 130
    return 0


def sentence_of(error: OSError) -> str:
    """What a person can do about a file that could not be read or written."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in FULL:
        return f"The disk is full{where}. Free some space; the same command goes on from what is whole."
    return f"A file cannot be read or written{where}: {error.strerror or error}."


def whole(least: int) -> Callable[[str], int]:
    """A parser of whole numbers not below `least`."""

    def parse(text: str) -> int:
        if not text.strip().isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return int(text)

    return parse


def number(least: float, most: float) -> Callable[[str], float]:
    """A parser of numbers between `least` and `most`, both included."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least:g} to {most:g}")
        return value

    return parse


def add_share(parser: argparse.ArgumentParser, option: str, what: str, default: float = 0.0) -> None:
    """An option that takes a number from 0 to 1: the share of `what`, as `--help` tells it."""
    text = f"share of {what} (default: {default:g})"
    parser.add_argument(option, type=number(0, 1), default=default, help=text)


def work_through(
    function: Callable[..., None], items: Sequence[tuple[Any, ...]], *, done: int, workers: int, unit: str
) -> None:
    """Call `function` with every item in processes of their own, showing a progress bar.

    Args:
        function: importable by name, and called with an item's members.
        items: what is left to do.
        done: how many were done by an earlier run; they count as progress.
        workers: how many processes.
        unit: what one item is, for the bar.

    Raises:
        Exception: the first that a call raised; what had not begun by then is not begun.
    """
    # Spawned, as a fork of a process with threads may hang.
    pool = ProcessPoolExecutor(workers, get_context("spawn"), end_with_parent)
    with tqdm(total=done + len(items), initial=done, unit=unit) as progress, pool:
        # No more are begun than can be worked on: after an interrupt nothing else is waited for.
        left = iter(items)
        calls: set[Future[None]] = set()
        free = workers
        while True:
            with interrupts_later():
                calls |= {pool.submit(function, *item) for item in islice(left, free)}
            if not calls:
                return
            ended, calls = wait(calls, return_when=FIRST_COMPLETED)
            for call in ended:
                call.result()
                progress.update()
            free = len(ended)


@contextmanager
def interrupts_later() -> Iterator[None]:
    """Put off Ctrl-C. Processes begun meanwhile never heed it: they leave it to this one, and finish."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent() -> None:
    """End this process as soon as the one that began it is gone, however that ended."""
    parent = parent_process()

    def follow() -> None:
        if parent:
            parent.join()
            os._exit(1)

    Thread(target=follow, daemon=True).start()
