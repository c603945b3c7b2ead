"""Checks whether this interpreter can run the engine. The set-up runs it before it installs anything."""

from __future__ import annotations

import argparse
import json
import os
import platform
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .checkout.model_types import Loader
    from .engine import Engine

OF_MSST = ("SEPARATION_FAILED", "MODEL_UNAVAILABLE")
"""Failure kinds of the rehearsal that are MSST's fault, not the machine's."""
LONGEST_SECONDS = 300
"""Time limit for importing torch and MSST and separating one second; about a minute on a slow disk."""


def run_check(arguments: list[str], sink_fd: int) -> int:
    """Run `check --msst-root DIR`: write the report as one line of JSON to sink_fd.

    Returns:
        The exit status: 0 if this interpreter can run the engine, else 1.
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
    """The report before anything has been checked.

    It holds: ok; the versions of python and torch; MSST's call_shape; its needs, as `needs` reports them; its
    options, as MsstOptions describes them; if not ok, the error as a sentence, the missing_module if one is
    missing, and whether MSST's folder is_to_blame; and the files that the result depends on, torch's and
    those of the folder.
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
    """Import torch and MSST, separate a second of noise, and fill in the report. Never raises."""
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
    from .checkout.needs import needs_of
    from .engine import Engine
    from .engine.msst.own_files import own_python_files
    from .engine.rehearsal import rehearse
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
        sentence = f"Separating one second of noise with it failed. {failure.message}"
        raise Failure(failure.kind, sentence, failure.traceback) from failure


def _loader_of(engine: Engine) -> Loader | None:
    from .checkout.model_types import loader_of, model_types

    try:
        loader = loader_of(engine.namespace["get_model_from_config"])
        model_types(loader)
    except (OSError, SyntaxError, TypeError, ValueError, RecursionError):
        return None
    return loader


def _end_in_time(report: dict[str, Any], msst_root: Path, sink_fd: int) -> None:
    """Start a timer that reports an error and exits if the check hangs in the checkout's code."""
    main = threading.get_ident()

    def give_up() -> None:
        from .engine.msst.own_line import own_line_of

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
