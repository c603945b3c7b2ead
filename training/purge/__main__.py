"""Silence in a sound font what a held-out one holds, too: `python -m training.purge FONT OUT`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from training.command import run
from training.purge.sound_font import NONE, Sample, SoundFont, read_sound_font
from training.render.fonts import HELD_OUT_FONT, find_font
from training.whole import whole_file

# Two samples are one recording where so many values in a row are equal, at one of these places of either.
VALUES = 12
PLACES = (0.3, 0.5, 0.7)
# Of those values; fewer different ones may be a click or silence, which any two recordings share.
DIFFERENT = 6


def main(arguments: list[str] | None = None) -> int:
    """Silence what the command line asks for.

    Returns:
        The exit status (`training.command.run`).
    """
    asked = parsed(arguments)
    return run(lambda: purge(asked))


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.purge", description=__doc__)
    parser.add_argument("font", type=Path, help="sound font to learn from (.sf2)")
    parser.add_argument("out", type=Path, help="the copy of it to write, in which what both hold is silent")
    held_out = next(iter(HELD_OUT_FONT))
    parser.add_argument(
        "--held-out", default=held_out, help=f"sound font never to learn from (default: {held_out})"
    )
    return parser.parse_args(arguments)


def purge(asked: argparse.Namespace) -> None:
    """Write the copy, and tell what is silent in it."""
    font, held_out = read_sound_font(asked.font), read_sound_font(find_font(asked.held_out))
    both = shared(font, held_out)
    with whole_file(asked.out) as temporary:
        temporary.write_bytes(silenced(font, both))
    names = ", ".join(sample.name for sample in both)
    print(f"{len(both)} of {len(font.samples)} samples are silent{': ' if names else ''}{names}.")


def shared(font: SoundFont, held_out: SoundFont) -> list[Sample]:
    """The samples of a font that another holds, too: to the bit, whole or a part of them.

    What was resampled, filtered or made louder is not found.
    """
    mine, theirs = ([(sample, one.bytes_of(sample)) for sample in one.samples] for one in (font, held_out))
    everything = [b"".join(content for _, content in one) for one in (mine, theirs)]
    kept = [(sample, content) for sample, content in theirs if found(content, everything[0])]
    return [
        sample
        for sample, content in mine
        if found(content, everything[1])
        or any(piece in content for _, other in kept for piece in pieces_of(other))
    ]


def found(content: bytes, everything: bytes) -> bool:
    """Whether a piece of a sample lies in other samples."""
    return any(piece in everything for piece in pieces_of(content))


def pieces_of(content: bytes) -> Iterator[bytes]:
    """Values of a sample by which it is known."""
    for place in PLACES:
        first = 2 * int(len(content) // 2 * place)
        piece = content[first : first + 2 * VALUES]
        if len(piece) == 2 * VALUES and len(np.unique(np.frombuffer(piece, "<i2"))) >= DIFFERENT:
            yield piece


def silenced(font: SoundFont, samples: list[Sample]) -> bytes:
    """The font's file with zeros for the values of those samples."""
    content = bytearray(font.content)
    for sample in samples:
        first, end = (font.values[0] + 2 * value for value in (sample.first, sample.end))
        content[first:end] = bytes(end - first)
        if font.low_bytes != NONE:
            first, end = (font.low_bytes[0] + value for value in (sample.first, sample.end))
            content[first:end] = bytes(end - first)
    return bytes(content)


if __name__ == "__main__":
    sys.exit(main())
