"""Recognises which stem MSST wrote by its file name; forks and edited checkouts name them differently."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import soundfile

_OPPOSITES = frozenset(("no", "non", "not", "without", "minus", "inverse", "inverted", "residual"))
"""Words that mark a stem as everything but the instrument in its name."""
LONGEST_NAME = 50
MOST_FILES = 64
"""The maximum number of files examined in a folder of stems."""


def instrument_of(file: str, mixture_name: str, instruments: list[str]) -> str | None:
    """The instrument whose stem a file holds.

    Args:
        file: its path relative to the folder of stems.
        mixture_name: the name of the mixture's file, without suffix.
        instruments: the model's output instruments.

    Returns:
        The instrument with the most words in the file's name. None if there is none or it is ambiguous, or if
        the name marks the stem as everything but the instrument.
    """
    for instrument in instruments:
        if is_named_as_by_msst(file, mixture_name, instrument):
            return instrument
    words = _words(extra_name(file, mixture_name))
    if _OPPOSITES & set(words):
        return None
    found = [name for name in instruments if _stands_in(_words(name), words)]
    longest = max((len(_words(name)) for name in found), default=0)
    best = [name for name in found if len(_words(name)) == longest]
    return best[0] if len(best) == 1 else None


def is_named_as_by_msst(file: str, mixture_name: str, instrument: str) -> bool:
    """Whether a file has upstream MSST's name for the stem of an instrument.

    Args:
        file: its path relative to the folder of stems.
        mixture_name: the name of the mixture's file, without suffix.
        instrument: the instrument.
    """
    joined = (f"{mixture_name}/{instrument}", f"{mixture_name}_{instrument}")
    # Also by os.path.join: where MSST uses it, an instrument named by an absolute path leaves the folder.
    names = map(os.path.normpath, (*joined, os.path.join(mixture_name, instrument)))
    return _without_ending(file) in names


def extra_name(file: str, mixture_name: str) -> str:
    """The name of a stem of no instrument: its file name without the mixture's.

    Args:
        file: its path relative to the folder of stems.
        mixture_name: the name of the mixture's file, without suffix.
    """
    rest = _without_ending(file).replace(mixture_name, "")
    return re.sub(r"[^\w-]+", " ", rest).strip(" _-")[:LONGEST_NAME] or "stem"


def audio_files(folder: Path) -> Iterator[Path]:
    """The files in a folder tree that libsndfile can read, sorted by path; the first MOST_FILES only."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    for path in sorted(files)[:MOST_FILES]:
        try:
            soundfile.info(path)
        except soundfile.SoundFileError:
            continue
        yield path


def _without_ending(path: str) -> str:
    return os.path.normpath(re.sub(r"\.[A-Za-z0-9]{1,5}$", "", path))


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", text.casefold()) if word]


def _stands_in(words: list[str], among: list[str]) -> bool:
    size = len(words)
    return size > 0 and any(among[at : at + size] == words for at in range(len(among) - size + 1))
