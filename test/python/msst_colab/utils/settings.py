"""Arguments and models of the stand-in."""

import argparse

import soundfile as sf
import yaml
from ml_collections import ConfigDict


def parse_args_inference(dict_args):
    parser = argparse.ArgumentParser()
    for name in ("model_type", "config_path", "start_check_point", "input_folder", "store_dir"):
        parser.add_argument(f"--{name}", type=str, default="")
    for name in ("extract_instrumental", "disable_detailed_pbar", "force_cpu", "flac_file", "use_tta"):
        parser.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--device_ids", nargs="+", type=int, default=0)
    parser.add_argument("--pcm_type", choices=["PCM_16", "PCM_24", "FLOAT"], default="FLOAT")
    parser.add_argument("--bigshifts", type=int, default=1)
    parser.add_argument("--lora_checkpoint_loralib", type=str, default="")
    parser.add_argument("--filename_template", type=str, default="{file_name}/{instr}")
    if dict_args is None:
        args = parser.parse_args()
    else:
        args = argparse.Namespace(**{**vars(parser.parse_args([])), **dict_args})
    codec = "flac" if args.flac_file else "wav"
    if args.pcm_type not in sf.available_subtypes(codec):
        args.pcm_type = sf.default_subtype(codec)
    return args


def get_model_from_config(model_type, config_path):
    with open(config_path) as file:
        config = ConfigDict(yaml.load(file, Loader=yaml.FullLoader))
    from models.tiny import TinyNet

    return TinyNet(config), config
