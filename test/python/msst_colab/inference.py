"""A stand-in of the inference.py of jarredou's fork for Colab, as of spring 2026: its call shape.

Unlike upstream it makes one bar for each mixture, hands it down, asks it for its words, and steps it from
batch to batch.
"""

import glob
import os
import sys

import librosa
import numpy as np
import soundfile as sf
import torch
from tqdm.auto import tqdm

sys.path.append(os.path.dirname(os.path.abspath(__file__)))

from utils.model_utils import (
    apply_tta,
    bigshifts_wrapper,
    denormalize_audio,
    load_start_checkpoint,
    normalize_audio,
    prefer_target_instrument,
)
from utils.settings import get_model_from_config, parse_args_inference


def run_folder(model, args, config, device, verbose=False):
    model.eval()
    pattern = os.path.join(args.input_folder, "**/*.*")
    paths = [path for path in sorted(glob.glob(pattern, recursive=True)) if os.path.isfile(path)]
    print(f"Files found: {len(paths)}")
    instruments = prefer_target_instrument(config)[:]
    os.makedirs(args.store_dir, exist_ok=True)
    for path in paths if verbose else tqdm(paths):
        try:
            mix, rate = librosa.load(path, sr=config.audio.sample_rate, mono=False)
        except Exception as error:
            print(f"Cannot read track: {path}: {error}")
            continue
        if mix.ndim == 1:
            mix = mix[np.newaxis]
            if "num_channels" in config.audio and config.audio["num_channels"] == 2:
                mix = np.concatenate([mix, mix])
        original = mix.copy()
        normalizes = config.inference.get("normalize") is True
        if normalizes:
            mix, scale = normalize_audio(mix)
        bar = tqdm(
            total=mix.shape[-1],
            desc=f"[1/1] {os.path.basename(path)}",
            leave=True,
            dynamic_ncols=True,
            unit="samples",
            unit_scale=True,
        )
        shifts = args.bigshifts
        stems = bigshifts_wrapper(
            config, model, mix, device, args.model_type, pbar=False, bigshifts=shifts, progress_bar=bar
        )
        if args.use_tta:
            stems = apply_tta(
                config,
                model,
                mix,
                stems,
                device,
                args.model_type,
                bigshifts=shifts,
                pbar=False,
                progress_bar=bar,
            )
        bar.close()
        if args.extract_instrumental:
            source = "vocals" if "vocals" in instruments else instruments[0]
            stems["instrumental"] = original - stems[source]
            instruments.append("instrumental")
        for instrument in instruments:
            stem = denormalize_audio(stems[instrument], scale) if normalizes else stems[instrument]
            is_flac = float(np.abs(stem).max()) <= 1.0 and args.pcm_type != "FLOAT"
            *folders, name = args.filename_template.format(
                file_name=os.path.splitext(os.path.basename(path))[0], instr=instrument
            ).split("/")
            folder = os.path.join(args.store_dir, *folders)
            os.makedirs(folder, exist_ok=True)
            sf.write(
                os.path.join(folder, f"{name}.{'flac' if is_flac else 'wav'}"),
                stem.T,
                rate,
                subtype=args.pcm_type,
            )


def proc_folder(dict_args):
    args = parse_args_inference(dict_args)
    device = "cpu"
    if not args.force_cpu and torch.cuda.is_available():
        device = f"cuda:{args.device_ids[0]}"
    print("Using device: ", device)
    model, config = get_model_from_config(args.model_type, args.config_path)
    if args.start_check_point:
        checkpoint = torch.load(args.start_check_point, weights_only=False, map_location="cpu")
        load_start_checkpoint(args, model, checkpoint, type_="inference")
    model = model.to(device)
    run_folder(model, args, config, device, verbose=True)


if __name__ == "__main__":
    proc_folder(None)
