"""The weights of an MDX23C for one of more scales."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch

ENCODER = re.compile(r"encoder_blocks\.(\d+)\.")
DECODER = re.compile(r"decoder_blocks\.(\d+)\.")
BOTTLENECK = "bottleneck_block."
# What MSST calls the parameters of a block, but for the first of a scale.
FURTHER_BLOCK = re.compile(r"(?:tfc_tdf|bottleneck_block)\.blocks\.[1-9]\d*\.(?P<part>.+)$")
SHORTCUT, LAST = "shortcut.weight", "tfc2.2.weight"


def with_more_scales(
    weights: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]
) -> Mapping[str, torch.Tensor]:
    """Let a network of more scales (`num_scales`) begin as one of fewer.

    What was at the bottom is on the way down now, and below it lies what hears more time at once. On the
    way up a new scale passes on what it was on the way down: the network separates as the other did until
    it has learnt better (as in Net2Net, Chen et al., ICLR 2016).

    Args:
        weights: of the network with fewer scales, by the names MSST gives them.
        wanted: of the other, fresh.

    Returns:
        Weights for the other; `weights` as they are, where it has no more scales.
    """
    lowest = scales_of(weights)
    more = scales_of(wanted) - lowest
    if lowest == 0 or more < 1:
        return weights
    moved = {renamed(name, lowest, more): value for name, value in weights.items()}
    first_heard = f"decoder_blocks.{more - 1}.tfc_tdf."
    return moved | {
        name: passing_on(name, value) if name.startswith(first_heard) else value
        for name, value in wanted.items()
        if is_new(name, lowest, more)
    }


def renamed(name: str, lowest: int, more: int) -> str:
    """What a parameter is called where there are `more` scales below the `lowest`."""
    if name.startswith(BOTTLENECK):
        return f"encoder_blocks.{lowest}.tfc_tdf.{name.removeprefix(BOTTLENECK)}"
    return DECODER.sub(lambda found: f"decoder_blocks.{int(found[1]) + more}.", name)


def is_new(name: str, lowest: int, more: int) -> bool:
    """Whether a parameter belongs to what lies below the scales that were there."""
    if found := ENCODER.match(name):
        return int(found[1]) > lowest or name.startswith(f"encoder_blocks.{lowest}.downscale.")
    found = DECODER.match(name)
    return name.startswith(BOTTLENECK) or bool(found and int(found[1]) < more)


def scales_of(weights: Mapping[str, torch.Tensor]) -> int:
    """How many scales a network has; 0 where it is no MDX23C."""
    return 1 + max((int(found[1]) for name in weights if (found := ENCODER.match(name))), default=-1)


def passing_on(name: str, value: torch.Tensor) -> torch.Tensor:
    """The weights of a new scale on the way up: what comes from the side passes, what from below does not."""
    if FURTHER_BLOCK.search(name):
        return idle(name, value)
    if name.endswith(SHORTCUT):
        channels = len(value)
        return torch.cat([torch.zeros(channels, channels), torch.eye(channels)], 1)[..., None, None]
    return torch.zeros_like(value) if name.endswith(LAST) else value


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
    if part == SHORTCUT:
        return torch.eye(len(value))[..., None, None]
    return torch.zeros_like(value) if part == LAST else value
