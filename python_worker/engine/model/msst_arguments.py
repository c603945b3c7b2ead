"""The arguments for MSST's `proc_folder`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...protocol import DeviceKind, Failure, ModelParams
from ..msst.msst import Msst
from ..msst.msst_folder import INPUT_FOLDER, OUTPUT_FOLDER
from ..msst.msst_options import OptionsRefused
from .lora import msst_applies_peft


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
    """The arguments for `proc_folder`, in the form that this MSST takes, for one model.

    Args:
        config_path: the model's YAML in an encoding that MSST reads.
        is_warm: whether MSST will be given a network that is loaded already.

    Raises:
        Failure: the model's entry has msst_arguments that MSST's parser does not accept.
    """
    # Without a load function to replace, MSST must be given no checkpoint, or it would load it.
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
        # A loaded model is wrapped already; wrapping it again would apply the adapter twice.
        "lora_checkpoint_peft": (model.lora_checkpoint_peft or "")
        if not is_warm and msst_applies_peft(msst, model)
        else "",
        # We do these ourselves. The values are valid in every MSST and independent of the task.
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
