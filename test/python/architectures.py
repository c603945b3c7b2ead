"""A small network of random weights for each of the architectures of the msst package that are used most."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
import yaml
from separating import STARTER, ModelParams

RATE = 44100
MDX23C: dict[str, Any] = {
    "audio": {"chunk_size": 16128, "dim_f": 256, "dim_t": 64, "hop_length": 256, "n_fft": 512},
    "model": {
        "act": "gelu",
        "bottleneck_factor": 2,
        "growth": 4,
        "norm": "InstanceNorm",
        "num_blocks_per_scale": 1,
        "num_channels": 4,
        "num_scales": 2,
        "num_subbands": 2,
        "scale": [2, 2],
    },
}
SCNET: dict[str, Any] = {
    "audio": {"chunk_size": 16384},
    "model": {
        "sources": ["drums", "other"],
        "audio_channels": 2,
        "dims": [4, 8, 8, 8],
        "nfft": 1024,
        "hop_size": 512,
        "win_size": 1024,
        "conv_depths": [1, 1, 1],
        "num_dplayer": 2,
    },
}
ROFORMER: dict[str, Any] = {
    "dim": 16,
    "depth": 1,
    "stereo": True,
    "num_stems": 2,
    "dim_head": 8,
    "heads": 2,
    "stft_n_fft": 512,
    "stft_win_length": 512,
    "stft_hop_length": 256,
}
BS_ROFORMER: dict[str, Any] = {
    "audio": {"chunk_size": 16384},
    "model": {**ROFORMER, "freqs_per_bands": (32, 64, 161), "dim_freqs_in": 257},
}
MEL_BAND_ROFORMER: dict[str, Any] = {
    "audio": {"chunk_size": 16384},
    "model": {**ROFORMER, "num_bands": 8},
}
HTDEMUCS: dict[str, Any] = {
    "audio": {"chunk_size": 22050},
    "training": {"samplerate": RATE, "segment": 0.5, "channels": 2},
    "model": "htdemucs",
    "htdemucs": {"channels": 8, "depth": 3, "nfft": 1024, "t_layers": 1, "t_heads": 2, "bottom_channels": 16},
}
ARCHITECTURES = {
    "mdx23c": MDX23C,
    "scnet": SCNET,
    "bs_roformer": BS_ROFORMER,
    "mel_band_roformer": MEL_BAND_ROFORMER,
    "htdemucs": HTDEMUCS,
}


def small_model(architecture: str, folder: Path, **inference: Any) -> ModelParams:
    """Write such a model into a folder.

    Args:
        inference: what its YAML is to say of inference, beside two overlapping chunks, one at once.
    """
    from msst.utils.settings import get_model_from_config

    given = ARCHITECTURES[architecture]
    training = {"instruments": ["drums", "other"], "target_instrument": None, "use_amp": False}
    config = {
        **given,
        "audio": {"num_channels": 2, "sample_rate": RATE, **given["audio"]},
        "training": {**training, **given.get("training", {})},
        "inference": {"batch_size": 1, "num_overlap": 2, **inference},
    }
    folder.mkdir(parents=True, exist_ok=True)
    config_path = folder / f"{architecture}.yaml"
    # Not safe_dump: a published YAML holds Python's tuples too.
    config_path.write_text(yaml.dump(config), encoding="utf-8")
    torch.manual_seed(1)
    network, _ = get_model_from_config(architecture, str(config_path))
    torch.save(network.state_dict(), folder / f"{architecture}.ckpt")
    return dataclasses.replace(
        STARTER,
        name=architecture,
        architecture=architecture,
        config_path=str(config_path),
        checkpoint_path=str(folder / f"{architecture}.ckpt"),
    )
