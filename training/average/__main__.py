"""Average checkpoints of one network: `python -m training.average CHECKPOINT CHECKPOINT OUT`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from training.command import CommandError, run
from training.tensors import read_tensors, write_tensors
from training.train.learn import CHECKPOINT
from training.whole import whole_file


def main(arguments: list[str] | None = None) -> int:
    """Average what the command line asks for.

    Returns:
        The exit status (`training.command.run`).
    """
    asked = parsed(arguments)
    return run(lambda: average(asked))


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.average", description=__doc__)
    parser.add_argument("checkpoints", type=Path, nargs="+", metavar="CHECKPOINT", help="what to average")
    parser.add_argument(
        "out", type=Path, help=f"folder that gets {CHECKPOINT}, as that of a training run, to export"
    )
    return parser.parse_args(arguments)


def average(asked: argparse.Namespace) -> None:
    """Write the mean of the checkpoints."""
    networks = [weights_of(path) for path in asked.checkpoints]
    mean = mean_of(networks, asked.checkpoints)
    asked.out.mkdir(parents=True, exist_ok=True)
    with whole_file(asked.out / CHECKPOINT) as temporary:
        write_tensors(temporary, mean)


def weights_of(path: Path) -> dict[str, torch.Tensor]:
    """The weights of a checkpoint, by their names.

    Raises:
        CommandError: it is not there, or holds none.
    """
    if not path.is_file():
        raise CommandError(f"{path} is not there.")
    weights = read_tensors(path)
    if not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise CommandError(f"{path} holds more than weights. Give the {CHECKPOINT} of a training run.")
    return weights


def mean_of(networks: list[dict[str, torch.Tensor]], paths: list[Path]) -> dict[str, torch.Tensor]:
    """The mean of each weight, float32.

    Between the weights a network began a run with and those it ended with lies one that keeps more of what
    it knew before and still has learnt (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR
    2022). Networks that did not come from one another have no such middle.

    Args:
        networks: by the names MSST gives the weights.
        paths: where they are from, for the error.

    Raises:
        CommandError: they are not of one network.
    """
    shapes = [{name: value.shape for name, value in network.items()} for network in networks]
    for path, shape in zip(paths, shapes, strict=True):
        if shape != shapes[0]:
            raise CommandError(f"{path} is of another network than {paths[0]}.")
    return {
        name: torch.stack([network[name].float() for network in networks]).mean(0) for name in networks[0]
    }


if __name__ == "__main__":
    sys.exit(main())
