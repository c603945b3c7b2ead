"""Imports the user's MSST and finds its `proc_folder` and the module globals that `proc_folder` uses."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ...protocol import CallShape
from .msst_folder import as_by_hand
from .msst_options import MsstOptions, OptionsUnknown, find_options
from .names import Namespace
from .own_line import own_line

REPLACED_FUNCTIONS = ("get_model_from_config", "run_folder")
REPLACED_MODULES = ("torch", "librosa")
DEMIX = ("demix", "demix_track", "demix_track_demucs")
"""The functions that separate one mixture; until autumn 2024 there were two, one of them for Demucs."""


class MsstError(Exception):
    """This interpreter cannot use the MSST in this folder. The message says why.

    Attributes:
        missing_module: the Python module that is not installed, if that is the reason.
        details: a traceback for the log.
        is_own: whether the folder itself is at fault, so that no other interpreter would help.
    """

    def __init__(
        self,
        message: str,
        missing_module: str | None = None,
        details: str | None = None,
        *,
        is_own: bool = True,
    ) -> None:
        super().__init__(message)
        self.is_own = is_own
        self.missing_module = missing_module
        self.details = details


@dataclass(frozen=True)
class Msst:
    """An imported MSST.

    Attributes:
        proc_folder: as exported by its `inference.py`.
        namespace: the globals of the module that defines `proc_folder`.
        callee_namespaces: the globals of the modules that define the functions it calls (demix,
            load_start_checkpoint), if they are different.
        options: the options of `proc_folder`.
        root: the folder given as msst_root.
        main_file: the file of the module that defines `proc_folder`.
        version: the package's version; None for a checkout.
    """

    proc_folder: Callable[[dict[str, Any] | list[str]], object]
    namespace: Namespace
    callee_namespaces: tuple[Namespace, ...]
    options: MsstOptions
    call_shape: CallShape
    root: Path
    main_file: str
    version: str | None

    @property
    def librosa(self) -> ModuleType:
        """The librosa module that it decodes with."""
        return next(module for _, module in module_names(self.namespace, "librosa"))


def load_msst(root: Path) -> Msst:
    """Import `inference.py` of a folder as if it were run by hand, and find the names to replace in it.

    Raises:
        MsstError: it does not exist, cannot be imported, or is not a known kind of MSST.
    """
    root = root.absolute()
    proc_folder = _import_proc_folder(root)
    namespace = _home_of(proc_folder, root)
    shape = _call_shape(namespace)
    try:
        options = find_options(namespace, proc_folder)
    except OptionsUnknown as error:
        raise MsstError("Its proc_folder does not read command-line options.") from error
    return Msst(
        proc_folder=proc_folder,
        namespace=namespace,
        callee_namespaces=tuple(_callee_namespaces(namespace)),
        options=options,
        call_shape=shape,
        root=root,
        main_file=str(namespace.get("__file__", "")),
        version=importlib.metadata.version("msst") if shape == "package" else None,
    )


def module_names(namespace: Namespace, module: str) -> list[tuple[str, ModuleType]]:
    """The names under which a namespace holds a module, such as `sf` for soundfile."""
    return [
        (name, value)
        for name, value in namespace.items()
        if isinstance(value, ModuleType) and value.__name__ == module
    ]


def class_names(namespace: Namespace, kind: type) -> list[str]:
    """The names under which a namespace holds a class or a subclass of it."""
    return [name for name, value in namespace.items() if isinstance(value, type) and issubclass(value, kind)]


def _import_proc_folder(root: Path) -> Callable[[dict[str, Any] | list[str]], object]:
    path = root / "inference.py"
    if not path.is_file():
        raise MsstError("msst_root has no inference.py.")
    spec = importlib.util.spec_from_file_location("inference", path)
    assert spec is not None and spec.loader is not None  # a .py file always has a loader
    module = importlib.util.module_from_spec(spec)
    # Its folder goes first in sys.path, as when run by hand, so that its `utils` and `models` are found.
    sys.path.insert(0, str(root))
    sys.modules["inference"] = module
    with _import_errors_explained(root), as_by_hand(root):
        spec.loader.exec_module(module)
    proc_folder = getattr(module, "proc_folder", None)
    if not callable(proc_folder):
        raise MsstError("The inference.py of msst_root has no proc_folder.")
    return proc_folder  # type: ignore[no-any-return]


def _home_of(proc_folder: Callable[..., object], root: Path) -> Namespace:
    namespace: Namespace = getattr(inspect.unwrap(proc_folder), "__globals__", {})
    if "run_folder" not in namespace and callable(forward := namespace.get("_legacy_inference")):
        # The msst package's proc_folder only forwards to the module that this function imports.
        with _import_errors_explained(root):
            namespace = vars(forward())
    missing = [f"has no {name}" for name in REPLACED_FUNCTIONS if not callable(namespace.get(name))]
    missing += [f"does not import {name}" for name in REPLACED_MODULES if not module_names(namespace, name)]
    if missing:
        raise MsstError(f"This MSST has an unknown structure: its inference.py {' and '.join(missing)}.")
    return namespace


def _call_shape(namespace: Namespace) -> CallShape:
    if str(namespace.get("__name__", "")).startswith("msst."):
        return "package"
    if callable(namespace.get("bigshifts_wrapper")):
        return "bigshifts"
    if any(callable(namespace.get(name)) for name in DEMIX):
        return "demix"
    raise MsstError("This MSST has an unknown structure: it calls neither bigshifts_wrapper nor demix.")


def _callee_namespaces(namespace: Namespace) -> Iterator[Namespace]:
    seen = {id(namespace)}
    for name in ("bigshifts_wrapper", *DEMIX, "apply_tta", "load_start_checkpoint"):
        function = namespace.get(name)
        callee = getattr(inspect.unwrap(function), "__globals__", None) if callable(function) else None
        if callee is not None and id(callee) not in seen:
            seen.add(id(callee))
            yield callee


@contextmanager
def _import_errors_explained(root: Path) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or str(error)).partition(".")[0]
        sentence = f"This MSST needs the Python module {missing}, which is not installed."
        raise MsstError(sentence, missing, traceback.format_exc(), is_own=False) from error
    except (Exception, SystemExit) as error:
        line = own_line(error, root)
        place = "" if line is None else f" ({line})"
        sentence = f"This MSST cannot be imported: {type(error).__name__}: {error}{place}"
        # A library's own error may not occur with another interpreter.
        is_own = line is not None or isinstance(error, SyntaxError)
        raise MsstError(sentence, None, traceback.format_exc(), is_own=is_own) from error
