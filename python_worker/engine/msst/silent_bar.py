"""Replaces MSST's progress bars: they count as tqdm does, and draw nothing."""

from __future__ import annotations

import inspect
import io
import threading
from collections.abc import Callable
from typing import Any

from tqdm.std import tqdm

_PARAMETERS = inspect.signature(tqdm.__init__)
# Parameters that only tqdm's variants for notebooks and GUIs have.
_OF_OTHER_BARS = ("display", "options", "progress")

OnUpdate = Callable[[int, int], None]
"""Called once per bar, with its total and its first step."""


class SilentBar(tqdm):  # type: ignore[misc] # tqdm has no types
    """A tqdm that draws nothing. A subclass, because forks read `desc`, `n` and `total` of their bars."""

    # Disables tqdm's monitor thread, which would outlive the bar.
    monitor_interval = 0
    # tqdm's default lock creates a multiprocessing semaphore.
    _lock = threading.RLock()
    on_update: OnUpdate | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        for name in _OF_OTHER_BARS:
            options.pop(name, None)
        values = dict(_PARAMETERS.bind_partial(self, *arguments, **options).arguments)
        del values["self"]
        values.update(values.pop("kwargs", {}))
        values.update(file=_Nowhere(), mininterval=float("inf"), dynamic_ncols=False, gui=False)
        # To tqdm, None means disabled unless on a terminal.
        values["disable"] = bool(values.get("disable"))
        self._tell = type(self).on_update
        super().__init__(**values)

    def update(self, n: float | None = 1) -> bool | None:
        """Advance the bar as tqdm does, and report its first step."""
        drawn: bool | None = super().update(n)
        if self._tell is not None and self.total and n is not None and n > 0:
            self._tell(int(self.total), int(n))
            self._tell = None
        return drawn


def bar_class(on_update: OnUpdate) -> type[SilentBar]:
    """A class that replaces tqdm in MSST and calls `on_update` at the first step of each bar."""
    return type("tqdm", (SilentBar,), {"on_update": staticmethod(on_update)})


class _Nowhere(io.TextIOBase):
    def write(self, text: str) -> int:
        return len(text)
