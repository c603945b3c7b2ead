"""Which stem a file is that MSST writes, by its name: forks and edited checkouts have names of their own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import soundfile

_OPPOSITES = frozenset(("no", "non", "not", "without", "minus", "inverse", "inverted", "residual"))
"""Words by which a name says that an instrument is what the stem has not."""
LONGEST_NAME = 50
MOST_FILES = 64
"""That a folder of stems is looked at for."""


def instrument_of(file: str, mixture_name: str, instruments: list[str]) -> str | None:
    """The instrument whose stem a file is.

    Args:
        file: its path below the folder for stems.
        mixture_name: of the mixture's file, without the ending.
        instruments: that the model puts out.

    Returns:
        None: its name has none of them, or more than one that is as long, or says that it is what is left
        without one.
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
    """Whether a file has the name that MSST itself gives the stem of an instrument.

    Args:
        file: its path below the folder for stems.
        mixture_name: of the mixture's file, without the ending.
    """
    joined = (f"{mixture_name}/{instrument}", f"{mixture_name}_{instrument}")
    # An instrument whose name is an absolute path leaves the folder only where MSST joins it so.
    names = map(os.path.normpath, (*joined, os.path.join(mixture_name, instrument)))
    return _without_ending(file) in names


def extra_name(file: str, mixture_name: str) -> str:
    """What a stem of no instrument is called: what its file's name has beside the mixture's.

    Args:
        file: its path below the folder for stems.
        mixture_name: of the mixture's file, without the ending.
    """
    rest = _without_ending(file).replace(mixture_name, "")
    return re.sub(r"[^\w-]+", " ", rest).strip(" _-")[:LONGEST_NAME] or "stem"


def audio_files(folder: Path) -> Iterator[Path]:
    """The files of a folder and of those within that libsndfile reads, in the order of their names."""
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
