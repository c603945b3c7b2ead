"""Standing in for the progress bars of MSST: they count as tqdm does, and draw nothing."""

from __future__ import annotations

import inspect
import io
import threading
from collections.abc import Callable
from typing import Any

from tqdm.std import tqdm

_PARAMETERS = inspect.signature(tqdm.__init__)
# Of the bars that tqdm has for notebooks and terminals of its own.
_OF_OTHER_BARS = ("display", "options", "progress")

OnUpdate = Callable[[int, int], None]
"""Called with the bar's total and its first step."""


class SilentBar(tqdm):  # type: ignore[misc] # tqdm has no types
    """tqdm itself, because forks read `desc`, `n` and `total` of their bars; its lines go nowhere."""

    # It would start a thread that outlives the bar.
    monitor_interval = 0
    # Its own makes a semaphore between processes.
    _lock = threading.RLock()
    on_update: OnUpdate | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        for name in _OF_OTHER_BARS:
            options.pop(name, None)
        values = dict(_PARAMETERS.bind_partial(self, *arguments, **options).arguments)
        del values["self"]
        values.update(values.pop("kwargs", {}))
        values.update(file=_Nowhere(), mininterval=float("inf"), dynamic_ncols=False, gui=False)
        # To tqdm None means: where no terminal is.
        values["disable"] = bool(values.get("disable"))
        self._tell = type(self).on_update
        super().__init__(**values)

    def update(self, n: float | None = 1) -> bool | None:
        """One step further, as tqdm counts it."""
        drawn: bool | None = super().update(n)
        if self._tell is not None and self.total and n is not None and n > 0:
            self._tell(int(self.total), int(n))
            self._tell = None
        return drawn


def bar_class(on_update: OnUpdate) -> type[SilentBar]:
    """A class to stand where MSST has tqdm, whose bars tell what they are first told."""
    return type("tqdm", (SilentBar,), {"on_update": staticmethod(on_update)})


class _Nowhere(io.TextIOBase):
    def write(self, text: str) -> int:
        return len(text)
