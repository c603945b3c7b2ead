"""A stand-in of the MSST-GUI fork's inference.py: its call shape, on a network of one layer.

Unlike upstream it calls demix directly, knows no bigshifts and no filename_template, and draws no bar for the
passes of TTA.
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
    demix,
    load_start_checkpoint,
    prefer_target_instrument,
)
from utils.settings import get_model_from_config, parse_args_inference


def run_folder(model, args, config, device, verbose=False):
    model.eval()
    paths = sorted(glob.glob(os.path.join(args.input_folder, "*.*")))
    instruments = prefer_target_instrument(config)[:]
    os.makedirs(args.store_dir, exist_ok=True)
    for path in paths if verbose else tqdm(paths):
        print(f"Processing track: {path}")
        try:
            mix, rate = librosa.load(path, sr=config.audio.sample_rate, mono=False)
        except Exception as error:
            print(f"Cannot read track: {path}: {error}")
            continue
        if mix.ndim == 1:
            mix = mix[np.newaxis]
            if "num_channels" in config.audio and config.audio["num_channels"] == 2:
                mix = np.concatenate([mix, mix])
        elif "stereo" in config.model and not config.model["stereo"]:
            mix = np.mean(mix, axis=0, keepdims=True)
        original = mix.copy()
        bar = not args.disable_detailed_pbar
        stems = demix(config, model, mix, device, model_type=args.model_type, pbar=bar)
        if args.use_tta:
            stems = apply_tta(config, model, mix, stems, device, args.model_type)
        if args.extract_instrumental:
            stems["instrumental"] = original - stems[instruments[0]]
            instruments.append("instrumental")
        folder = os.path.join(args.store_dir, os.path.splitext(os.path.basename(path))[0])
        os.makedirs(folder, exist_ok=True)
        for instrument in instruments:
            codec = "flac" if getattr(args, "flac_file", False) else "wav"
            subtype = "PCM_16" if args.flac_file and args.pcm_type == "PCM_16" else "FLOAT"
            sf.write(
                os.path.join(folder, f"{instrument}.{codec}"), stems[instrument].T, rate, subtype=subtype
            )


def proc_folder(dict_args):
    args = parse_args_inference(dict_args)
    device = "cpu"
    if not args.force_cpu and torch.cuda.is_available():
        device = f"cuda:{args.device_ids[0]}"
    model, config = get_model_from_config(args.model_type, args.config_path)
    if args.start_check_point:
        checkpoint = torch.load(args.start_check_point, weights_only=False, map_location="cpu")
        load_start_checkpoint(args, model, checkpoint, type_="inference")
    model = model.to(device)
    run_folder(model, args, config, device, verbose=True)


if __name__ == "__main__":
    proc_folder(None)
