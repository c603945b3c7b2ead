"""Ways to separate a mixture: a network through MSST, and one without any training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from librosa.effects import hpss
from scipy import signal

from training.evaluate.scales import hear_upper
from training.model import load
from training.stems import SAMPLE_RATE, STEMS

Separator = Callable[[np.ndarray], np.ndarray]
# Hz; where the split without a network takes the bass to end.
BASS_ENDS = 250


def network_separator(config: Path, checkpoint: Path, scales: int | None = None) -> Separator:
    """MSST's own inference (`demix`, with the overlap of the YAML) on the processor.

    Args:
        config: MSST's YAML.
        checkpoint: its weights.
        scales: how many of an MDX23C's scales are heard (`hear_upper`); none: all.

    Returns:
        A function from a mixture (2, samples) to the stems (3, 2, samples), float32.

    Raises:
        CommandError: the files are not there or do not fit.
    """
    network, settings, architecture = load(config, checkpoint)
    if scales is not None:
        hear_upper(network, scales)
    from msst.utils.model_utils import demix

    def separate(mixture: np.ndarray) -> np.ndarray:
        stems = demix(settings, network, mixture, torch.device("cpu"), architecture)
        return np.stack([stems[stem] for stem in STEMS])

    return separate


def librosa_split(mixture: np.ndarray) -> np.ndarray:
    """Harmonic/percussive separation by median filters; bass is what of the harmonic part lies below 250 Hz.

    Fitzgerald, "Harmonic/Percussive Separation using Median Filtering" (DAFx 2010), as librosa has it.
    """
    harmonic, percussive = hpss(mixture)
    low = signal.sosfiltfilt(signal.butter(4, BASS_ENDS, fs=SAMPLE_RATE, output="sos"), harmonic, axis=-1)
    return np.stack([percussive, low, harmonic - low]).astype(np.float32)


def mixture_itself(mixture: np.ndarray) -> np.ndarray:
    """No separation: every stem is the mixture."""
    return np.stack([mixture] * len(STEMS))
