"""The grooves of Musical MIDI Accompaniment (MMA): a band's patterns for a style, and how it varies them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from training.command import CommandError

# The library that MMA's author wrote; others beside it were taken from keyboards.
LIBRARY = Path("/usr/share/mma/lib/stdlib")
NOT_INSTALLED = "Musical MIDI Accompaniment is not installed. On Debian: apt install mma."
NAMED = re.compile(r"^\s*DefGroove\s+(\S+)", re.MULTILINE | re.IGNORECASE)
BEATS = re.compile(r"^\s*Time\s+(\d+)\b", re.MULTILINE | re.IGNORECASE)
METERS = {"3": "3/4", "4": "4/4"}
# What a band plays once: before the song, at its end, and into the next section.
ONCE = re.compile(r"intro|end\d*$|fill", re.IGNORECASE)
FILL, END = re.compile(r"fill", re.IGNORECASE), re.compile(r"end\d*$", re.IGNORECASE)


@dataclass(frozen=True)
class Grooves:
    """The grooves of one style.

    Attributes:
        meter: a name of `training.compose.score.METERS`.
        steady: those that go on.
        fills: those that lead into the next section.
        ends: those that end a song.
    """

    meter: str
    steady: tuple[str, ...]
    fills: tuple[str, ...]
    ends: tuple[str, ...]


@cache
def library() -> tuple[Grooves, ...]:
    """Every style of three or four quarters a bar.

    Raises:
        CommandError: MMA's library is not there.
    """
    found = [grooves_of(path.read_text("latin-1")) for path in sorted(LIBRARY.glob("*.mma"))]
    styles = tuple(grooves for grooves in found if grooves)
    if not styles:
        raise CommandError(NOT_INSTALLED)
    return styles


def grooves_of(text: str) -> Grooves | None:
    """The grooves a file of the library defines; None if it has no metre of ours, or several."""
    beats = set(BEATS.findall(text))
    names = tuple(dict.fromkeys(NAMED.findall(text)))
    steady = tuple(name for name in names if not ONCE.search(name))
    if len(beats) != 1 or not steady or (meter := METERS.get(beats.pop())) is None:
        return None
    fills, ends = (tuple(name for name in names if which.search(name)) for which in (FILL, END))
    return Grooves(meter, steady, fills, ends)
