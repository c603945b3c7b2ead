"""Render MIDI songs, stem by stem: `python -m training.render SONGS OUT`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from training.command import CommandError, add_share, number, run, whole, work_through
from training.render.fonts import TRAINING_FONTS, find_font
from training.render.recordings import NO_INSTRUMENTS, find_instruments
from training.render.song import render_song
from training.render.synthesizer import find_synthesizer
from training.render.variety import Variety


def main(arguments: list[str] | None = None) -> int:
    """Render what the command line asks for; songs whose folder is there are kept.

    Returns:
        The exit status (`training.command.run`).
    """
    asked = parsed(arguments)
    return run(lambda: render_all(asked))


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The command line, its numbers checked."""
    parser = argparse.ArgumentParser(prog="python -m training.render", description=__doc__)
    parser.add_argument("songs", type=Path, help="folder of .mid files")
    parser.add_argument("out", type=Path, help="folder that gets one folder of stems for each song")
    parser.add_argument(
        "--font",
        action="append",
        dest="fonts",
        metavar="FONT",
        help="sound font: a path, or a name in the system's folders; freepats.cfg: Freepats; "
        "several take turns "
        f"(default: {' and '.join(TRAINING_FONTS)})",
    )
    parser.add_argument("--seconds", type=number(1, 3600), help="longest length of a song (default: its own)")
    add_share(parser, "--resized", "stems whose instruments are made larger or smaller, at the same pitch")
    add_share(parser, "--computed", "songs whose bass is computed, not from a font")
    add_share(parser, "--enlarged", "the other songs whose bass is a plucked instrument, made larger")
    add_share(parser, "--faded", "the other songs whose bass dies away sooner than its font lets it")
    add_share(parser, "--computed-others", "the instruments beside drums and bass that are computed")
    add_share(parser, "--enlarged-others", "the others of them that plucked instruments play, made larger")
    parser.add_argument(
        "--recordings",
        type=Path,
        metavar="FOLDER",
        help="instruments recorded note by note: files like bass/an-instrument/E1.mp3 and "
        "other/another-one/Fs3.wav; they play two fifths of what would be computed",
    )
    parser.add_argument("--seed", type=whole(0), default=1, help="of those choices (default: 1)")
    parser.add_argument("--workers", type=whole(1), default=1, help="songs rendered at once (default: 1)")
    return parser.parse_args(arguments)


def render_all(asked: argparse.Namespace) -> None:
    """Render every song that is not there yet."""
    fonts = asked.fonts or TRAINING_FONTS
    instruments = [(find_synthesizer(Path(name)), find_font(name)) for name in fonts]
    songs = sorted(path for path in asked.songs.glob("[!.]*") if path.suffix.lower() in (".mid", ".midi"))
    if not songs:
        raise CommandError(f"{asked.songs} holds no .mid file.")
    recordings = find_instruments(asked.recordings) if asked.recordings else NO_INSTRUMENTS
    asked.out.mkdir(parents=True, exist_ok=True)
    calls = []
    for index, midi in enumerate(songs):
        program, font = instruments[index % len(instruments)]
        variety = Variety(
            resized=asked.resized,
            computed=asked.computed,
            enlarged=asked.enlarged,
            faded=asked.faded,
            computed_others=asked.computed_others,
            enlarged_others=asked.enlarged_others,
            seed=(asked.seed, index),
            instruments=recordings,
        )
        if not (asked.out / midi.stem).exists():
            calls.append((program, midi, font, asked.out / midi.stem, asked.seconds, variety))
    work_through(render_song, calls, done=len(songs) - len(calls), workers=asked.workers, unit="song")


if __name__ == "__main__":
    sys.exit(main())
