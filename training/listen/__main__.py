"""Make a listening page: `python -m training.listen SONGS OUT --model CONFIG:CHECKPOINT`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from training.command import CommandError, number, run, whole
from training.evaluate.separators import Separator, network_separator
from training.excerpt import middle_of
from training.listen.page import Row, Sound, page_of
from training.listen.pictures import draw_spectrogram
from training.sound import write_sound
from training.stems import SAMPLE_RATE, STEMS, songs_in
from training.whole import whole_folder

INTRODUCTION = (
    "{seconds:g} seconds of songs the model never heard: on the left what was played, "
    "on the right what the model gives."
)


def main(arguments: list[str] | None = None) -> int:
    """Make the page that the command line asks for.

    Returns:
        The exit status (`training.command.run`).
    """
    asked = parsed(arguments)
    return run(lambda: make_page(asked))


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The command line, its numbers checked."""
    parser = argparse.ArgumentParser(prog="python -m training.listen", description=__doc__)
    parser.add_argument("songs", type=Path, help="folder of rendered songs")
    parser.add_argument("out", type=Path, help="folder to make: index.html with its sounds and pictures")
    parser.add_argument(
        "--model", type=model, required=True, metavar="CONFIG:CHECKPOINT", help="what separates"
    )
    parser.add_argument(
        "--count", type=whole(1), default=3, help="how many songs, the first by name (default: 3)"
    )
    parser.add_argument(
        "--seconds", type=number(1, 60), default=6.0, help="of each song, at its middle (default: 6)"
    )
    return parser.parse_args(arguments)


def model(text: str) -> tuple[Path, Path]:
    """A YAML and a checkpoint."""
    config, colon, checkpoint = text.partition(":")
    if not (colon and config and checkpoint):
        raise argparse.ArgumentTypeError(f"{text!r} is not CONFIG:CHECKPOINT")
    return Path(config), Path(checkpoint)


def make_page(asked: argparse.Namespace) -> None:
    """Separate a few seconds of some songs and lay them beside what was played."""
    if asked.out.exists():
        raise CommandError(f"{asked.out} is there already. Remove it, or name another folder.")
    separate = network_separator(*asked.model)
    songs = songs_in(asked.songs)[: asked.count]
    introduction = INTRODUCTION.format(seconds=asked.seconds)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(asked.out) as folder:
        rows = {
            song.name: tuple(rows_of(song, asked.seconds, separate, folder))
            for song in tqdm(songs, unit="song")
        }
        (folder / "index.html").write_text(page_of(rows, introduction), "utf-8")


def rows_of(song: Path, seconds: float, separate: Separator, folder: Path) -> list[Row]:
    """Write the sounds and pictures of a song, and tell where they stand."""
    targets = middle_of(song, round(seconds * SAMPLE_RATE))
    mixture = targets.sum(0)
    rows = [Row("mixture", (show(folder, f"{song.name}-mixture", "mixture", mixture),))]
    for stem, target, estimate in zip(STEMS, targets, separate(mixture), strict=True):
        played = show(folder, f"{song.name}-{stem}-played", "as played", target)
        rows.append(Row(stem, (played, show(folder, f"{song.name}-{stem}-model", "by the model", estimate))))
    return rows


def show(folder: Path, file: str, label: str, samples: np.ndarray) -> Sound:
    """Write one sound with its picture."""
    write_sound(folder / f"{file}.mp3", samples.T, format="MP3", compression_level=0.5)
    draw_spectrogram(samples, folder / f"{file}.png")
    return Sound(label, file)


if __name__ == "__main__":
    sys.exit(main())
