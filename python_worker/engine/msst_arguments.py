"""The options with which `proc_folder` is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..protocol import DeviceKind, Failure, ModelParams
from .lora import msst_applies_peft
from .msst import Msst
from .msst_folder import INPUT_FOLDER, OUTPUT_FOLDER
from .msst_options import OptionsRefused


def msst_arguments(
    msst: Msst,
    model: ModelParams,
    config_path: Path,
    device_kind: DeviceKind,
    *,
    is_warm: bool,
    use_tta: bool = False,
    bigshifts: int = 1,
) -> dict[str, Any] | list[str]:
    """What its `proc_folder` is to be called with, for one model.

    Args:
        config_path: the model's YAML in an encoding that MSST reads.
        is_warm: the network that MSST will be given is loaded already.

    Raises:
        Failure: its parser does not take the options that the model's entry has for it.
    """
    # Where it has no function for it to be told so, it must see none to load.
    skips_loading = is_warm and "load_start_checkpoint" not in msst.namespace
    wanted: dict[str, Any] = {
        "model_type": model.architecture,
        "config_path": str(config_path.absolute()),
        "start_check_point": "" if skips_loading else str(Path(model.checkpoint_path).absolute()),
        "input_folder": INPUT_FOLDER,
        "store_dir": OUTPUT_FOLDER,
        "device_ids": [0],
        "force_cpu": device_kind == "cpu",
        "use_tta": use_tta,
        "bigshifts": bigshifts,
        # A warm model is wrapped already; wrapping it twice would apply the adapter twice.
        "lora_checkpoint_peft": (model.lora_checkpoint_peft or "")
        if not is_warm and msst_applies_peft(msst, model)
        else "",
        # Ours to do. These values are valid in every MSST, whatever the task wants.
        "extract_instrumental": False,
        "flac_file": False,
        "pcm_type": "FLOAT",
        "filename_template": "{file_name}/{instr}",
        "disable_detailed_pbar": False,
        "skip_errors": False,
    }
    try:
        own = msst.options.parsed(model.msst_arguments)
        if taken := sorted(set(own) & set(wanted)):
            raise OptionsRefused(f"the server itself sets {', '.join(taken)}")
    except OptionsRefused as error:
        raise Failure(
            "MODEL_UNAVAILABLE", f"msst_arguments of {model.name} cannot be used: {error}."
        ) from error
    return msst.options.given({**wanted, **own})
