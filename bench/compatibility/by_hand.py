"""What a checkout makes of a song by hand, with each of its architectures.

by_hand.py CHECKOUT FOLDER [ARCHITECTURE…]

In the checkout's folder, which is the working directory. Prints a line of JSON for each: the architecture,
and why there is nothing of it where there is nothing.
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


def main(root: Path, folder: Path, wanted: list[str]) -> None:
    """Write the models, and the stems of every one."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    torch.set_num_threads(1)
    sys.path.insert(0, str(root))
    sys.path.append(str(Path(__file__).parent))
    from shrunk_models import stock_yamls, write_model

    loader = model_loader()
    known = sorted(set(re.findall(r"""['"]([a-z0-9_]+)['"]""", branches_of(loader))))
    stock = stock_yamls(root, known)
    for architecture in sorted(stock):
        if wanted and architecture not in wanted:
            continue
        answer: dict[str, Any] = {"architecture": architecture, "yaml": stock[architecture].name, "why": None}
        try:
            config, checkpoint = write_model(architecture, stock[architecture], folder, loader)
            separate(architecture, config, checkpoint, folder)
        except BaseException as error:
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


def separate(architecture: str, config: Path, checkpoint: Path, folder: Path) -> None:
    """Run its inference.py as from a command line."""
    # Old ones make no folder within a folder.
    (folder / "by hand").mkdir(exist_ok=True)
    sys.argv = ["inference.py", "--model_type", architecture, "--config_path", str(config)]
    sys.argv += ["--start_check_point", str(checkpoint), "--input_folder", str(folder / "songs")]
    sys.argv += ["--store_dir", str(folder / "by hand" / architecture)]
    if "--force_cpu" in Path("inference.py").read_text(encoding="utf-8") + settings_text():
        sys.argv.append("--force_cpu")
    runpy.run_path("inference.py", run_name="__main__")


def settings_text() -> str:
    """Where later checkouts read their options."""
    path = Path("utils/settings.py")
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
