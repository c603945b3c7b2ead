"""How good a separation is."""

from __future__ import annotations

import numpy as np
import torch

from training.stems import STEMS

# Below this much under the mixture a stem counts as silent: its SDR would say nothing.
SILENT = -50.0


def sdr(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Signal-to-distortion ratio: 10 log10(|s|² / |s - ŝ|²) in dB over all samples and channels.

    MSST's `sdr` (and that of the MDX challenge 2021): gain and delay count as errors, nothing is projected.
    """
    return 10 * float(
        np.log10(
            (np.sum(reference**2, dtype=np.float64) + 1e-8)
            / (np.sum((reference - estimate) ** 2, dtype=np.float64) + 1e-8)
        )
    )


def is_silent(stem: np.ndarray, mixture: np.ndarray) -> bool:
    """Whether a stem is absent from this mixture."""
    power, all_of_it = float(np.mean(np.square(stem))), float(np.mean(np.square(mixture)))
    return 10 * np.log10((power + 1e-12) / (all_of_it + 1e-12)) < SILENT


def improvement(network: torch.nn.Module, songs: list[np.ndarray]) -> dict[str, float]:
    """Median over songs of what one forward call gains on the mixture itself, in dB of SDR, for each stem.

    Args:
        network: is left as it was.
        songs: targets (stems, 2, samples), each as long as one chunk.
    """
    was_training = network.training
    network.eval()
    device = next(network.parameters()).device
    gained: dict[str, list[float]] = {stem: [] for stem in STEMS}
    with torch.inference_mode():
        for targets in songs:
            mixture = targets.sum(0)
            estimates = network(torch.from_numpy(mixture)[None].to(device))[0].float().cpu().numpy()
            for stem, target, estimate in zip(STEMS, targets, estimates, strict=True):
                if not is_silent(target, mixture):
                    gained[stem].append(sdr(target, estimate) - sdr(target, mixture))
    network.train(was_training)
    return {
        stem: round(float(np.median(values)), 2) if values else float("nan")
        for stem, values in gained.items()
    }
