"""A stand-in of upstream MSST's inference.py of autumn 2024, as AliceNavigator's MSST-GUI has it.

`proc_folder` takes the words of a command line and reads them itself, loads the weights where it stands, and
writes the stems side by side; TTA and normalization have no functions, and the rate is fixed.
"""

import argparse
import glob
import os
import sys

import librosa
import numpy as np
import soundfile as sf
import torch
from tqdm.auto import tqdm

current_dir = os.path.dirname(os.path.abspath(__file__))
sys.path.append(current_dir)
from utils import demix, get_model_from_config  # noqa: E402 # as there


def run_folder(model, args, config, device, verbose=False):
    model.eval()
    all_mixtures_path = sorted(glob.glob(args.input_folder + "/*.*"))
    instruments = config.training.instruments.copy()
    if config.training.target_instrument is not None:
        instruments = [config.training.target_instrument]
    os.makedirs(args.store_dir, exist_ok=True)
    if not verbose:
        all_mixtures_path = tqdm(all_mixtures_path, desc="Total progress")
    for path in all_mixtures_path:
        if not verbose:
            all_mixtures_path.set_postfix({"track": os.path.basename(path)})
        try:
            mix, sr = librosa.load(path, sr=44100, mono=False)
        except Exception as error:
            print(f"Cannot read track: {path}: {error}")
            continue
        if len(mix.shape) == 1:
            mix = np.stack([mix, mix], axis=0)
        mix_orig = mix.copy()
        if config.inference.get("normalize") is True:
            mono = mix.mean(0)
            mean, std = mono.mean(), mono.std()
            mix = (mix - mean) / std
        passes = [mix.copy(), mix[::-1].copy(), -1.0 * mix.copy()] if args.use_tta else [mix.copy()]
        bar = not args.disable_detailed_pbar
        results = [
            demix(config, model, each, device, pbar=bar, model_type=args.model_type) for each in passes
        ]
        waveforms = results[0]
        for number, result in enumerate(results[1:], 1):
            for name in result:
                waveforms[name] += result[name][::-1].copy() if number == 1 else -1.0 * result[name]
        for name in waveforms:
            waveforms[name] = waveforms[name] / len(results)
        if args.extract_instrumental:
            source = "vocals" if "vocals" in instruments else instruments[0]
            instruments.append("instrumental")
            waveforms["instrumental"] = mix_orig - waveforms[source]
        for instr in instruments:
            estimates = waveforms[instr].T
            if config.inference.get("normalize") is True:
                estimates = estimates * std + mean
            file_name, _ = os.path.splitext(os.path.basename(path))
            if args.flac_file:
                output_file = os.path.join(args.store_dir, f"{file_name}_{instr}.flac")
                sf.write(output_file, estimates, sr, subtype=args.pcm_type)
            else:
                output_file = os.path.join(args.store_dir, f"{file_name}_{instr}.wav")
                sf.write(output_file, estimates, sr, subtype="FLOAT")


def proc_folder(args):
    parser = argparse.ArgumentParser()
    parser.add_argument("--model_type", type=str, default="mdx23c")
    parser.add_argument("--config_path", type=str)
    parser.add_argument("--start_check_point", type=str, default="")
    parser.add_argument("--input_folder", type=str)
    parser.add_argument("--store_dir", default="", type=str)
    parser.add_argument("--device_ids", nargs="+", type=int, default=0)
    parser.add_argument("--extract_instrumental", action="store_true")
    parser.add_argument("--disable_detailed_pbar", action="store_true")
    parser.add_argument("--force_cpu", action="store_true")
    parser.add_argument("--flac_file", action="store_true")
    parser.add_argument("--pcm_type", type=str, choices=["PCM_16", "PCM_24"], default="PCM_24")
    parser.add_argument("--use_tta", action="store_true")
    if args is None:
        args = parser.parse_args()
    else:
        args = parser.parse_args(args)
    device = "cpu"
    if not args.force_cpu and torch.cuda.is_available():
        device = f"cuda:{args.device_ids[0]}" if type(args.device_ids) is list else f"cuda:{args.device_ids}"
    model, config = get_model_from_config(args.model_type, args.config_path)
    if args.start_check_point != "":
        if args.model_type in ["htdemucs", "apollo"]:
            state_dict = torch.load(args.start_check_point, map_location=device, weights_only=False)
            if "state" in state_dict:
                state_dict = state_dict["state"]
        else:
            state_dict = torch.load(args.start_check_point, map_location=device, weights_only=True)
        model.load_state_dict(state_dict)
    model = model.to(device)
    run_folder(model, args, config, device, verbose=True)


if __name__ == "__main__":
    proc_folder(None)
