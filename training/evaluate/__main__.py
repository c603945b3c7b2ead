"""Measure models on rendered songs: `python -m training.evaluate SONGS --model new=CONFIG:CHECKPOINT`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import torch
from tqdm import tqdm

from training.command import number, run, whole
from training.evaluate.pace import Paced
from training.evaluate.scales import scales_in
from training.evaluate.scores import MIXTURE, SPLIT, Cell, Score, cell_text, score_song, summarise
from training.evaluate.separators import librosa_split, mixture_itself, network_separator
from training.stems import STEMS, songs_in
from training.whole import whole_file


def main(arguments: list[str] | None = None) -> int:
    """Measure as the command line asks, and print a table.

    Returns:
        The exit status (`training.command.run`).
    """
    asked = parsed(arguments)
    return run(lambda: evaluate(asked))


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The command line, its numbers checked."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("songs", type=Path, help="folder of rendered songs")
    parser.add_argument(
        "--model",
        action="append",
        dest="models",
        type=named_model,
        default=[],
        metavar="NAME=CONFIG:CHECKPOINT",
        help="a model to measure; several may be given",
    )
    parser.add_argument(
        "--scales",
        action="store_true",
        help="measure each model, an MDX23C, without its lower scales, too: one fewer at a time, "
        "first without the bottleneck",
    )
    parser.add_argument(
        "--seconds", type=number(1, 600), default=12.0, help="excerpt from the middle (default: 12)"
    )
    parser.add_argument("--json", type=Path, help="file that gets the figures too")
    parser.add_argument("--threads", type=whole(1), help="threads of PyTorch (default: one for each core)")
    return parser.parse_args(arguments)


def named_model(text: str) -> tuple[str, Path, Path]:
    """A name, a YAML and a checkpoint."""
    name, equals, files = text.partition("=")
    config, colon, checkpoint = files.partition(":")
    if not (equals and colon and name and config and checkpoint):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=CONFIG:CHECKPOINT")
    return name, Path(config), Path(checkpoint)


def evaluate(asked: argparse.Namespace) -> None:
    """Separate an excerpt of every song in every way."""
    if asked.threads:
        torch.set_num_threads(asked.threads)
    separators = {MIXTURE: Paced(mixture_itself), SPLIT: Paced(librosa_split)}
    for name, config, checkpoint in asked.models:
        separators[name] = Paced(network_separator(config, checkpoint))
        has = scales_in(config, checkpoint) if asked.scales else 1
        for scales in range(has - 1, 0, -1):
            upper = network_separator(config, checkpoint, scales)
            separators[f"{name}, upper {scales} of {has} scales"] = Paced(upper)
    songs = songs_in(asked.songs)
    scores: list[Score] = []
    for song in tqdm(songs, unit="song"):
        scores.extend(score_song(song, asked.seconds, separators))
    table = summarise(scores)
    pace = {name: separate.pace for name, separate in separators.items()}
    print_table(table, pace, len(songs))
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        figures = {name: {stem: asdict(cell) for stem, cell in row.items()} for name, row in table.items()}
        with whole_file(asked.json) as temporary:
            temporary.write_text(
                json.dumps(
                    {"songs": len(songs), "seconds": asked.seconds, "figures": figures, "pace": pace},
                    indent=2,
                )
            )


def print_table(table: dict[str, dict[str, Cell]], pace: dict[str, float], songs: int) -> None:
    """As Markdown: median SDR, improvement on the mixture, share of songs ahead of librosa's split, pace."""
    print(f"\nMedian SDR in dB over {songs} songs (improvement on the mixture; songs ahead of {SPLIT})\n")
    print(f"| | {' | '.join(STEMS)} | time for 1 s |\n| --- |{' --- |' * (len(STEMS) + 1)}")
    for name, row in table.items():
        cells = " | ".join(cell_text(row.get(stem), name) for stem in STEMS)
        print(f"| {name} | {cells} | {pace[name]:.2f} s |")


if __name__ == "__main__":
    sys.exit(main())
