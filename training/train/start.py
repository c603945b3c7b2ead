"""What a network begins with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

from training.command import CommandError
from training.model import build
from training.tensors import read_tensors
from training.train.finer import in_finer_frequencies

# What MSST calls the parameters of a block, but for the first of a scale.
FURTHER_BLOCK = re.compile(r"(?:tfc_tdf|bottleneck_block)\.blocks\.[1-9]\d*\.(?P<part>.+)$")


def started(config: Path, checkpoint: Path | None) -> tuple[torch.nn.Module, Any]:
    """The network of a YAML, with random weights or those of a checkpoint.

    A checkpoint of an MDX23C with fewer blocks at each scale will do, too: the further blocks begin as ones
    that change nothing, so that the network separates as the smaller one did (as in Net2Net, Chen et al.,
    ICLR 2016). So will one of a shorter window and fewer bands (`training.train.finer`).

    Returns:
        The network and MSST's configuration of it.

    Raises:
        CommandError: the checkpoint is not there, is broken, or is one of another network.
    """
    network, settings, _ = build(config)
    if checkpoint is None:
        return network, settings
    if not checkpoint.is_file():
        raise CommandError(f"{checkpoint} is not there.")
    weights = read_tensors(checkpoint)
    try:
        weights = dict(in_finer_frequencies(weights, network.state_dict()))
        further = {name: value for name, value in network.state_dict().items() if name not in weights}
        network.load_state_dict({**weights, **{name: idle(name, value) for name, value in further.items()}})
    except (RuntimeError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise CommandError(f"{checkpoint} does not hold the weights of {config}.") from error
    return network, settings


def idle(name: str, value: torch.Tensor) -> torch.Tensor:
    """The weights that let a further block of an MDX23C pass on what it is given.

    Such a block adds what its two convolutions make of the input to what its shortcut does: the last
    convolution begins at nothing, the shortcut, of one frequency and time, as the identity.

    Raises:
        ValueError: this is no part of one.
    """
    found = FURTHER_BLOCK.search(name)
    if not found:
        raise ValueError(name)
    part = found["part"]
    if part == "shortcut.weight":
        return torch.eye(len(value))[..., None, None]
    return torch.zeros_like(value) if part == "tfc2.2.weight" else value
