"""What a checkout makes of a song by hand, with each of its architectures.

by_hand.py CHECKOUT FOLDER PCM_TYPE [ARCHITECTURE…]

In the checkout's folder, which is the working directory. Prints a line of JSON for each: the architecture,
why there is nothing of it where there is nothing, and which keys of its stock YAML had to be left out.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import os
import re
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any

import torch


def main(root: Path, folder: Path, pcm_type: str, wanted: list[str]) -> None:
    """Write the models, and the stems of every one."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    torch.set_num_threads(1)
    sys.path.insert(0, str(root))
    sys.path.append(str(Path(__file__).parent))
    from downloads import build_without_downloads
    from shrunk_models import stock_yamls, write_model

    loader = model_loader()
    known = sorted(set(re.findall(r"""['"]([a-z0-9_]+)['"]""", branches_of(loader))))
    stock = stock_yamls(root, known)
    for architecture in sorted(stock):
        if wanted and architecture not in wanted:
            continue
        answer: dict[str, Any] = {"architecture": architecture, "why": None, "leftOut": []}
        try:
            build_without_downloads(architecture)
            config, checkpoint, answer["leftOut"] = write_model(
                architecture, stock[architecture], folder, loader
            )
            separate(architecture, config, checkpoint, folder, pcm_type)
        except BaseException as error:
            # The server is asked about it all the same, and wants a file.
            (folder / f"{architecture}.ckpt").touch()
            answer["why"] = f"{type(error).__name__}: {error}"[:300]
            traceback.print_exc()
        print(json.dumps(answer), file=answers, flush=True)


def model_loader() -> Any:
    """The checkout's get_model_from_config."""
    with contextlib.suppress(ModuleNotFoundError):
        return importlib.import_module("utils.settings").get_model_from_config
    return importlib.import_module("utils").get_model_from_config


def branches_of(loader: Any) -> str:
    """The lines in which it compares the model type."""
    lines = inspect.getsource(loader).splitlines()
    return "\n".join(line for line in lines if re.search(r"model_type\s*(==|in)", line))


def separate(architecture: str, config: Path, checkpoint: Path, folder: Path, pcm_type: str) -> None:
    """Run its inference.py as from a command line."""
    # Old ones make no folder within a folder.
    (folder / "by hand").mkdir(exist_ok=True)
    sys.argv = ["inference.py", "--model_type", architecture, "--config_path", str(config)]
    sys.argv += ["--start_check_point", str(checkpoint), "--input_folder", str(folder / "songs")]
    sys.argv += ["--store_dir", str(folder / "by hand" / architecture)]
    known = Path("inference.py").read_text(encoding="utf-8") + settings_text()
    if "--force_cpu" in known:
        sys.argv.append("--force_cpu")
    # The default of all; some know the option for FLAC only.
    if pcm_type != "FLOAT":
        sys.argv += ["--pcm_type", pcm_type]
    runpy.run_path("inference.py", run_name="__main__")


def settings_text() -> str:
    """Where later checkouts read their options."""
    path = Path("utils/settings.py")
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4:])
