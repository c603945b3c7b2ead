"""What the lower scales of a network are worth."""

from __future__ import annotations

from pathlib import Path

import torch

from training.command import CommandError
from training.model import architecture_of
from training.tensors import read_tensors
from training.train.deeper import scales_of


def scales_in(config: Path, checkpoint: Path) -> int:
    """How many scales an MDX23C of MSST has: its `num_scales` and the bottleneck.

    Raises:
        CommandError: it is another network, or a file is broken.
    """
    architecture = architecture_of(config)
    if architecture != "mdx23c":
        raise CommandError(f"--scales is for networks of the type mdx23c; {config} is one of {architecture}.")
    return scales_of(read_tensors(checkpoint)) + 1


def hear_upper(network: torch.nn.Module, scales: int) -> None:
    """Let an MDX23C separate by its upper scales alone: what comes up from below them is silence.

    Each scale hears the one above it at half the resolution, so more of the music at once. What is left
    without a scale tells what it is worth to the others as they are, not what a network would be worth that
    had learnt without it.

    Args:
        network: changed.
        scales: how many are heard, 1 or more; fewer than it has.
    """
    upscale = network.decoder_blocks[len(network.decoder_blocks) - scales].upscale
    upscale.register_forward_hook(lambda module, given, out: torch.zeros_like(out))
