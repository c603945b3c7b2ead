"""Chunking, shifting and loading of the stand-in."""

import numpy as np
import torch


def prefer_target_instrument(config):
    target = config.training.get("target_instrument")
    return [target] if target else list(config.training.instruments)


def demix(config, model, mix, device, model_type, pbar=False, progress_bar=None):
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
                if progress_bar is not None:
                    progress_bar.update(min(step * len(waiting), progress_bar.total - progress_bar.n))
                waiting.clear()
    stems = np.nan_to_num((result / counter).numpy(), nan=0.0)
    if padded:
        stems = stems[..., border:-border]
    return dict(zip(instruments, stems, strict=True))


def bigshifts_wrapper(config, model, mix, device, model_type, pbar=False, bigshifts=1, progress_bar=None):
    shifts = [number * (mix.shape[1] // bigshifts) for number in range(bigshifts)]
    passes = []
    for number, shift in enumerate(shifts):
        if progress_bar is not None:
            words = progress_bar.desc.split(" pass")[0]
            progress_bar.set_description(f"{words} pass {number + 1}/{bigshifts}" if bigshifts > 1 else words)
            progress_bar.reset(total=mix.shape[-1])
        stems = demix(config, model, np.roll(mix, shift, axis=-1), device, model_type, pbar, progress_bar)
        passes.append({name: np.roll(stem, -shift, axis=-1) for name, stem in stems.items()})
    return {name: np.mean([stems[name] for stems in passes], axis=0) for name in passes[0]}


def apply_tta(config, model, mix, stems, device, model_type, bigshifts=1, pbar=False, progress_bar=None):
    if progress_bar is not None:
        progress_bar.set_description(f"{progress_bar.desc.split(' TTA')[0]} TTA")
    swapped = bigshifts_wrapper(
        config, model, mix[::-1].copy(), device, model_type, pbar, bigshifts, progress_bar
    )
    inverted = bigshifts_wrapper(config, model, -1.0 * mix, device, model_type, pbar, bigshifts, progress_bar)
    return {name: (stems[name] + swapped[name][::-1] - inverted[name]) / 3 for name in stems}


def normalize_audio(mix):
    mean, std = mix.mean(0).mean(), mix.mean(0).std()
    return (mix - mean) / std, (mean, std)


def denormalize_audio(stem, scale):
    return stem * scale[1] + scale[0]


def load_start_checkpoint(args, model, old_model, type_="train"):
    print(f"Start from checkpoint: {args.start_check_point}")
    for key in ("state", "state_dict", "model_state_dict"):
        old_model = old_model.get(key, old_model)
    model.load_state_dict(old_model)
    if args.lora_checkpoint_loralib:
        model.load_state_dict(torch.load(args.lora_checkpoint_loralib, map_location="cpu"), strict=False)
