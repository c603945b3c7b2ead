"""Networks that MSST begins with weights from the internet: here with random ones of the same shape.

By hand as when served, so that nothing has to be downloaded to compare the two. The model's checkpoint
overwrites what is downloaded anyway.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any


def build_without_downloads(architecture: str) -> None:
    """Have this process build the network of an architecture without the internet. Most need nothing for it.

    Raises:
        ImportError: the library that it is built with is not installed.
    """
    if architecture in ("segm_models", "torchseg"):
        library = importlib.import_module(
            "torchseg" if architecture == "torchseg" else "segmentation_models_pytorch"
        )
        if library.Unet.__module__ != __name__:
            library.Unet = _with_random_encoder(library.Unet)
    if architecture == "swin_upernet":
        importlib.import_module(
            "transformers"
        ).UperNetForSemanticSegmentation.from_pretrained = _small_upernet


def _with_random_encoder(network: Callable[..., Any]) -> Callable[..., Any]:
    def build(**options: Any) -> Any:
        return network(**{**options, "encoder_weights": None})

    return build


def _small_upernet(_name: str) -> Any:
    """As wide as openmmlab/upernet-swin-large, which MSST's own layers are fitted to, with fewer layers."""
    transformers = importlib.import_module("transformers")
    stages = ["stage1", "stage2", "stage3", "stage4"]
    backbone = transformers.SwinConfig(
        embed_dim=192, depths=[1, 1, 1, 1], num_heads=[6, 12, 24, 48], window_size=7, out_features=stages
    )
    return transformers.UperNetForSemanticSegmentation(transformers.UperNetConfig(backbone_config=backbone))
