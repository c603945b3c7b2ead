"""Python runs this at its start where it finds it: notes when the network works, whoever calls it.

FORWARD_NOTES names the file; each forward call of a network appends its begin and end, in nanoseconds of
`time.monotonic`. A network is the outermost module that is not torch's own. Its hooks are not counted: they
are the caller's work.
"""

from __future__ import annotations

import functools
import importlib.machinery
import os
import sys
import threading
import time
from typing import Any

WHERE_MODULES_ARE_MADE = "torch.nn.modules.module"
inside = threading.local()


class TorchWatch:
    """Finds one module of torch as Python would, and watches the networks that are built on it."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != WHERE_MODULES_ARE_MADE:
            return None
        sys.meta_path.remove(self)  # type: ignore[arg-type]
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = functools.partial(watch_networks, spec.loader.exec_module)  # type: ignore[method-assign]
        return spec


def watch_networks(exec_module: Any, module: Any) -> None:
    exec_module(module)
    module.Module.__init_subclass__ = classmethod(watch_class)


def watch_class(cls: type, **options: Any) -> None:
    super(sys.modules[WHERE_MODULES_ARE_MADE].Module, cls).__init_subclass__(**options)
    if "forward" in vars(cls) and not cls.__module__.startswith("torch."):
        cls.forward = noting(cls.forward)  # type: ignore[attr-defined]


def noting(forward: Any) -> Any:
    @functools.wraps(forward)
    def noted(*arguments: Any, **options: Any) -> Any:
        if getattr(inside, "a_network", False):
            return forward(*arguments, **options)
        inside.a_network = True
        began = moment()
        try:
            return forward(*arguments, **options)
        finally:
            inside.a_network = False
            os.write(notes, f"{began} {moment()}\n".encode())

    return noted


def moment() -> int:
    cuda = sys.modules["torch"].cuda
    if cuda.is_initialized():
        # A GPU is given its work and does it later.
        cuda.synchronize()
    return time.monotonic_ns()


if "FORWARD_NOTES" in os.environ:
    notes = os.open(os.environ["FORWARD_NOTES"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    sys.meta_path.insert(0, TorchWatch())  # type: ignore[arg-type]
