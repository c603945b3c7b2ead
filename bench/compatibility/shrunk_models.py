"""The stock models of a checkout, shrunk: its own YAMLs with networks of a few layers, and random weights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
import yaml

# By the name of a key, wherever a stock YAML's `model` section has it: what makes networks small.
SMALL: dict[str, Any] = {
    "bottleneck_factor": 2,
    "decoder_type": "unet",
    "depth": 1,
    "dim": 16,
    "dim_head": 8,
    "emb_dim": 16,
    "encoder_name": "resnet18",
    "encoder_weights": None,
    "growth": 4,
    "heads": 2,
    "linear_transformer_depth": 0,
    "n_sqm_modules": 1,
    "num_blocks_per_scale": 1,
    "num_dplayer": 2,
    "num_scales": 2,
    "rnn_dim": 16,
    "sync_params": None,
    "t_heads": 2,
    "t_layers": 1,
    "bottom_channels": 16,
    "mlp_dim": 16,
    "flash_attn": False,
    # What it needs instead of torch runs on a GPU only.
    "use_mamba": False,
}
# Keys that mean one thing in one architecture and another in the next.
SMALL_OF: dict[str, dict[str, Any]] = {
    "apollo": {"feature_dim": 16, "layer": 1},
    "bandit": {"n_bands": 16},
    # They are computed in two halves.
    "bs_mamba2": {"feature_dim": 64, "num_repeat_mask": 2, "num_repeat_map": 2},
    "conformer": {"embed_dim": 32},
    "moises_light": {"G": 8, "n_rope": 1},
    "scnet_unofficial": {
        "dims": [4, 8, 16, 32],
        "n_conv_modules": [1, 1, 1],
        # Every second one halves again what the one before has doubled.
        "n_rnn_layers": 2,
        "rnn_hidden_dim": 16,
    },
    "segm_models": {"num_channels": 16, "num_subbands": 2},
    "torchseg": {"num_channels": 16, "num_subbands": 2},
    "mdx23c": {"num_channels": 8, "num_subbands": 2},
    "experimental_mdx23c_stht": {"num_channels": 8, "num_subbands": 2},
    # Fewer layers would leave its transformer a hundred times the frames.
    "htdemucs": {"channels": 8, "depth": 4, "growth": 2},
    "scnet": {"dims": [4, 8, 16, 32], "conv_depths": [1, 1, 1]},
    "scnet_masked": {"dims": [4, 8, 16, 32], "conv_depths": [1, 1, 1]},
    "scnet_tran": {"dims": [4, 8, 16, 32], "conv_depths": [1, 1, 1]},
}
# Whose stock YAMLs have another name, and whose are those of the network that they are a variant of.
ALSO_CALLED = {"experimental_mdx23c_stht": "mdx23c_stht"}
VARIANTS = {
    "bs_roformer_experimental": "bs_roformer",
    "mel_band_roformer_experimental": "mel_band_roformer",
    "scnet_masked": "scnet",
}
BATCH = {"batch_size": 2, "num_overlap": 2}
CHUNK_SECONDS = 1.5


def stock_yamls(root: Path, architectures: list[str]) -> dict[str, Path]:
    """The first stock YAML of each architecture, by the longest of these names that its file's name has."""
    found: dict[str, Path] = {}
    for path in sorted((root / "configs").rglob("*.yaml"), key=lambda path: (len(path.parts), path.name)):
        name = _letters(path.stem)
        fitting = [one for one in architectures if _letters(ALSO_CALLED.get(one, one)) in name]
        if fitting:
            found.setdefault(max(fitting, key=len), path)
    for variant, original in VARIANTS.items():
        if variant in architectures and original in found:
            found.setdefault(variant, found[original])
    return found


def write_model(
    architecture: str, stock: Path, folder: Path, get_model_from_config: Any
) -> tuple[Path, Path, list[str]]:
    """Write the shrunk YAML and a checkpoint for it.

    Args:
        get_model_from_config: the checkout's own.

    Returns:
        Their paths, and the keys of the stock YAML that the checkout's own network does not know: left out.
    """
    config = yaml.load(stock.read_text(encoding="utf-8"), Loader=yaml.FullLoader)
    small = {**SMALL, **SMALL_OF.get(architecture, {})}
    sections = [config.get(name) for name in ("model", "kwargs", architecture)]
    for section in sections:
        if isinstance(section, dict):
            _shrink(section, small)
    config.setdefault("inference", {}).update(BATCH)
    config.get("audio", {}).setdefault("num_channels", 2)
    _shorten(config)
    config_path, checkpoint_path = folder / f"{architecture}.yaml", folder / f"{architecture}.ckpt"
    left_out: list[str] = []
    while True:
        config_path.write_text(yaml.dump(config), encoding="utf-8")
        torch.manual_seed(1)
        try:
            network, _ = get_model_from_config(architecture, str(config_path))
            break
        except TypeError as error:
            unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error))
            if unknown is None or unknown[1] not in config["model"]:
                raise
            left_out.append(unknown[1])
            del config["model"][unknown[1]]
    torch.save(network.state_dict(), checkpoint_path)
    return config_path, checkpoint_path, left_out


def _shrink(section: dict[str, Any], small: dict[str, Any]) -> None:
    for key, value in section.items():
        if isinstance(value, dict):
            _shrink(value, small)
        elif key in small:
            section[key] = small[key]


def _shorten(config: dict[str, Any]) -> None:
    """Make the chunks short, in whole frames of the transforms that take whole frames only."""
    audio, training = config.get("audio", {}), config.get("training", {})
    hop = int(audio.get("hop_length", 1024))
    if "chunk_size" in audio:
        frames = int(CHUNK_SECONDS * 44100 / hop) // 16 * 16
        audio["chunk_size"] = hop * (frames - 1) if "dim_t" in audio else hop * frames
        if "dim_t" in audio:
            audio["dim_t"] = frames
            config["inference"]["dim_t"] = frames
    if "chunk_size" in config["inference"]:
        config["inference"]["chunk_size"] = audio["chunk_size"]
    if "segment" in training:
        training["segment"] = 2


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
