"""What a network begins with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from training.command import CommandError
from training.model import build
from training.tensors import read_tensors
from training.train.deeper import idle, with_more_scales
from training.train.finer import in_finer_frequencies


def started(config: Path, checkpoint: Path | None) -> tuple[torch.nn.Module, Any]:
    """The network of a YAML, with random weights or those of a checkpoint.

    A checkpoint of an MDX23C with fewer scales or fewer blocks at each will do, too: what it has not begins
    so that the network separates as the smaller one did (`training.train.deeper`). So will one of a shorter
    window and fewer bands (`training.train.finer`).

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
    saved = read_tensors(checkpoint)
    try:
        fresh = network.state_dict()
        weights = with_more_scales(in_finer_frequencies(saved, fresh), fresh)
        further = {name: value for name, value in fresh.items() if name not in weights}
        network.load_state_dict({**weights, **{name: idle(name, value) for name, value in further.items()}})
    except (RuntimeError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise CommandError(f"{checkpoint} does not hold the weights of {config}.") from error
    return network, settings
