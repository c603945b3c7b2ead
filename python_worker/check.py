"""Whether this interpreter can be the engine: asked by the set-up, before anything is installed for it."""

from __future__ import annotations

import argparse
import json
import os
import platform
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine import Engine
    from .model_types import Loader

OF_MSST = ("SEPARATION_FAILED", "MODEL_UNAVAILABLE")
"""The failures of a rehearsal that are not the machine's."""
LONGEST_SECONDS = 300
"""Of importing torch and MSST, and separating a second: a slow disk needs one of these minutes."""


def run_check(arguments: list[str], sink_fd: int) -> int:
    """`check --msst-root DIR`: write one line of JSON to sink_fd.

    Returns:
        The exit status: 0 if this interpreter can be the engine, else 1.
    """
    parser = argparse.ArgumentParser(prog="python -m python_worker")
    commands = parser.add_subparsers(required=True)
    commands.add_parser("check").add_argument("--msst-root", type=Path, required=True)
    msst_root = parser.parse_args(arguments).msst_root
    report = _new_report()
    _end_in_time(report, msst_root, sink_fd)
    _check(report, msst_root)
    _tell(report, sink_fd)
    return 0 if report["ok"] else 1


def _new_report() -> dict[str, Any]:
    """Of what the check answers.

    ok; the versions of python and torch; the call_shape; the needs, as `needs` tells them; its options,
    as MsstOptions describes them; where it is not ok, an error sentence, and the missing_module, if one is
    missing, or whether the folder is_to_blame; and the files that this rests on: torch's and those of the
    folder.
    """
    return {
        "ok": False,
        "python": platform.python_version(),
        "torch": None,
        "call_shape": None,
        "needs": None,
        "options": None,
        "missing_module": None,
        "is_to_blame": False,
        "error": None,
        "files": [],
    }


def _check(report: dict[str, Any], msst_root: Path) -> None:
    """Import torch and the MSST of a folder, and separate a second of noise with it."""
    try:
        _check_torch(report)
        _check_msst(report, msst_root)
        report["ok"] = True
    except ModuleNotFoundError as error:
        report["missing_module"] = missing = (error.name or str(error)).partition(".")[0]
        report["error"] = f"The Python module {missing} is not installed."
    except BaseException as error:
        report["missing_module"] = getattr(error.__cause__, "missing_module", None)
        is_of_msst = getattr(error.__cause__, "is_own", getattr(error, "kind", None) in OF_MSST)
        report["is_to_blame"] = report["torch"] is not None and is_of_msst
        report["error"] = str(error) or type(error).__name__


def _check_torch(report: dict[str, Any]) -> None:
    import torch

    report["torch"] = str(torch.__version__).partition("+")[0]
    report["files"].append(torch.__file__)


def _check_msst(report: dict[str, Any], msst_root: Path) -> None:
    from .engine import Engine
    from .engine.own_files import own_python_files
    from .engine.rehearsal import rehearse
    from .needs import needs_of
    from .protocol import Failure

    engine = Engine(msst_root, "cpu")
    report["call_shape"] = engine.msst_info.call_shape
    report["options"] = engine.options.described()
    is_package = engine.msst_info.call_shape == "package"
    report["files"] += [engine.main_file] if is_package else own_python_files(msst_root)
    loader = _loader_of(engine)
    report["needs"] = needs_of(msst_root, loader)
    if loader is not None and loader.file not in report["files"]:
        report["files"].append(loader.file)
    try:
        rehearse(engine)
    except Failure as failure:
        sentence = f"A second of noise could not be separated with it. {failure.message}"
        raise Failure(failure.kind, sentence, failure.traceback) from failure


def _loader_of(engine: Engine) -> Loader | None:
    from .model_types import loader_of, model_types

    try:
        loader = loader_of(engine.namespace["get_model_from_config"])
        model_types(loader)
    except (OSError, SyntaxError, TypeError, ValueError, RecursionError):
        return None
    return loader


def _end_in_time(report: dict[str, Any], msst_root: Path, sink_fd: int) -> None:
    """Answer and end this process where a checkout keeps it for ever."""
    main = threading.get_ident()

    def give_up() -> None:
        from .engine.own_line import own_line_of

        line = own_line_of(main, msst_root.absolute())
        place = "" if line is None else f" It is at {line}."
        report["error"] = f"It was not ready after {LONGEST_SECONDS} seconds.{place}"
        report["is_to_blame"] = True
        _tell(report, sink_fd)
        os._exit(1)

    timer = threading.Timer(LONGEST_SECONDS, give_up)
    timer.daemon = True
    timer.start()


def _tell(report: dict[str, Any], sink_fd: int) -> None:
    os.write(sink_fd, json.dumps(report).encode("ascii") + b"\n")
