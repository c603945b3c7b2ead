"""Weights at half the size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from training.command import CommandError
from training.measure import sdr
from training.model import build, load
from training.tensors import read_tensors, write_tensors
from training.whole import whole_file

# dB: how well the answer to noise must agree with that of the whole weights.
AGREEMENT = 50.0


def write_half(config: Path, trained: Path, checkpoint: Path) -> float:
    """Write the weights as float16, a plain state dict that MSST loads into its float32 network.

    Args:
        config: MSST's YAML of the network.
        trained: the checkpoint of a training run.
        checkpoint: the file to write; it appears only when the network that loads it answers as the
            trained one does.

    Returns:
        How well both agree on noise, dB of SDR.

    Raises:
        CommandError: they do not, or `trained` does not fit the YAML.
    """
    network, settings, _ = load(config, trained)
    half = {
        name: value.half() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    with whole_file(checkpoint) as temporary:
        write_tensors(temporary, half)
        again, _, _ = build(config)
        again.load_state_dict(read_tensors(temporary))
        noise = torch.randn(1, 2, settings.audio.chunk_size, generator=torch.Generator().manual_seed(0)) * 0.1
        agreement = sdr(answer(network, noise), answer(again.eval(), noise))
        if agreement < AGREEMENT:
            raise CommandError(
                f"In float16 the network answers otherwise ({agreement:.1f} dB): it is not exported."
            )
    return agreement


@torch.inference_mode()
def answer(network: torch.nn.Module, mixture: torch.Tensor) -> np.ndarray:
    """What the network makes of one chunk."""
    answered: np.ndarray = network(mixture).numpy()
    return answered
