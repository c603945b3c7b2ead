"""Chunking and models of the stand-in, in the one file that there was."""

import numpy as np
import torch
import yaml
from ml_collections import ConfigDict
from tqdm.auto import tqdm


def get_model_from_config(model_type, config_path):
    with open(config_path) as file:
        config = ConfigDict(yaml.load(file, Loader=yaml.FullLoader))
    from models.tiny import TinyNet

    return TinyNet(config), config


def prefer_target_instrument(config):
    target = config.training.get("target_instrument")
    return [target] if target else list(config.training.instruments)


def demix(config, model, mix, device, model_type, pbar=False):
    mix = torch.tensor(mix, dtype=torch.float32)
    chunk, length = config.audio.chunk_size, mix.shape[1]
    step = chunk // config.inference.num_overlap
    border = chunk - step
    padded = length > 2 * border and border > 0
    if padded:
        mix = torch.nn.functional.pad(mix, (border, border), mode="reflect")
    instruments = prefer_target_instrument(config)
    result = torch.zeros((len(instruments), *mix.shape))
    counter = torch.zeros_like(result)
    bar = tqdm(total=mix.shape[1], desc="Processing audio chunks", leave=False) if pbar else None
    waiting, at = [], 0
    with torch.inference_mode():
        while at < mix.shape[1]:
            part = mix[:, at : at + chunk]
            waiting.append((at, part.shape[1], torch.nn.functional.pad(part, (0, chunk - part.shape[1]))))
            at += step
            if len(waiting) >= config.inference.batch_size or at >= mix.shape[1]:
                separated = model(torch.stack([part for _, _, part in waiting]).to(device)).cpu()
                for (start, size, _), stems in zip(waiting, separated, strict=True):
                    result[..., start : start + size] += stems[..., :size]
                    counter[..., start : start + size] += 1
                waiting.clear()
            if bar:
                bar.update(step)
    if bar:
        bar.close()
    stems = np.nan_to_num((result / counter).numpy(), nan=0.0)
    if padded:
        stems = stems[..., border:-border]
    return dict(zip(instruments, stems, strict=True))
