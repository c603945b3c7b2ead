"""Writes a checkpoint of fixed random weights: python bench/random_weights.py CONFIG OUT."""

from __future__ import annotations

import sys

import torch
from msst.utils.settings import get_model_from_config


def write_checkpoint(config: str, out: str) -> None:
    """Make the MDX23C that the YAML `config` describes, untrained, and save it to `out`."""
    torch.manual_seed(7)
    network, _ = get_model_from_config("mdx23c", config)
    torch.save(network.state_dict(), out)


if __name__ == "__main__":
    write_checkpoint(sys.argv[1], sys.argv[2])
