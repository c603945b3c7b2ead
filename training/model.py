"""MSST's network, built by MSST from its YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import yaml

from training.command import CommandError
from training.stems import STEMS
from training.tensors import read_tensors


def build(config: Path) -> tuple[torch.nn.Module, Any, str]:
    """The network of a YAML with fresh weights.

    Returns:
        The network, MSST's configuration of it, and its architecture (`training.model_type`).

    Raises:
        CommandError: MSST is not installed, or the YAML is none of a network for our stems.
    """
    try:
        from msst.utils.settings import get_model_from_config
    except ImportError as error:
        raise CommandError(
            f"MSST cannot be imported ({error}). See training/README.md for what to install."
        ) from error
    architecture = architecture_of(config)
    try:
        network, settings = get_model_from_config(architecture, str(config))
    except (AttributeError, AssertionError, LookupError, TypeError, ValueError, RuntimeError) as error:
        raise CommandError(f"MSST cannot build the network of {config}: {error!r}") from error
    return network, settings, architecture


def architecture_of(config: Path) -> str:
    """`training.model_type` of the YAML.

    Raises:
        CommandError: it is missing, or the instruments are others than the recipe's stems.
    """
    try:
        training = yaml.safe_load(config.read_text("utf-8"))["training"]
        architecture, instruments = str(training["model_type"]), list(training["instruments"])
    except (yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise CommandError(f"{config} is not the YAML of an MSST model with training.model_type.") from error
    if instruments != list(STEMS):
        raise CommandError(f"{config} names the instruments {instruments}; the recipe's are {list(STEMS)}.")
    return architecture


def load(config: Path, checkpoint: Path) -> tuple[torch.nn.Module, Any, str]:
    """The network of a YAML with the weights of a checkpoint, ready to separate.

    Raises:
        CommandError: a file is not there, or the checkpoint does not fit.
    """
    for path in (config, checkpoint):
        if not path.is_file():
            raise CommandError(f"{path} is not there.")
    network, settings, architecture = build(config)
    try:
        network.load_state_dict(read_tensors(checkpoint))
    except (RuntimeError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise CommandError(f"{checkpoint} does not hold the weights of {config}.") from error
    return network.eval(), settings, architecture
