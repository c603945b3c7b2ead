"""Whether this interpreter can be the engine: asked by the set-up, before anything is installed for it."""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine.msst import Msst


def run_check(arguments: list[str], sink_fd: int) -> int:
    """`check --msst-root DIR`: write one line of JSON to sink_fd.

    Returns:
        The exit status: 0 if this interpreter can be the engine, else 1.
    """
    parser = argparse.ArgumentParser(prog="python -m python_worker")
    commands = parser.add_subparsers(required=True)
    commands.add_parser("check").add_argument("--msst-root", type=Path, required=True)
    report = check(parser.parse_args(arguments).msst_root)
    os.write(sink_fd, json.dumps(report).encode("ascii") + b"\n")
    return 0 if report["ok"] else 1


def check(msst_root: Path) -> dict[str, Any]:
    """Import torch and the MSST of a folder, and decode something with it.

    Returns:
        ok; the versions of python and torch; the call_shape; where it is not ok, an error sentence and the
        missing_module, if one is missing; and the files of torch and of MSST's own inference module.
    """
    report: dict[str, Any] = {
        "ok": False,
        "python": platform.python_version(),
        "torch": None,
        "call_shape": None,
        "missing_module": None,
        "error": None,
        "files": [],
    }
    try:
        _check_torch(report)
        _check_msst(report, msst_root)
        report["ok"] = True
    except ModuleNotFoundError as error:
        report["missing_module"] = missing = (error.name or str(error)).partition(".")[0]
        report["error"] = f"The Python module {missing} is not installed."
    except BaseException as error:
        report["missing_module"] = getattr(error, "missing_module", None)
        report["error"] = str(error) or type(error).__name__
    return report


def _check_torch(report: dict[str, Any]) -> None:
    import torch

    report["torch"] = str(torch.__version__).partition("+")[0]
    report["files"].append(torch.__file__)


def _check_msst(report: dict[str, Any], msst_root: Path) -> None:
    from .engine.decoder import warm_up_decoding
    from .engine.msst import load_msst

    msst: Msst = load_msst(msst_root)
    report["call_shape"] = msst.call_shape
    report["files"].append(msst.main_file)
    warm_up_decoding(msst.librosa)
