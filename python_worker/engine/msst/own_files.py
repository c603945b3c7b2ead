"""Lists the Python files of a checkout; results about it are valid while these are unchanged."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

MOST_FILES = 2000
_OF_OTHERS = frozenset(("site-packages", "node_modules", "__pycache__", "python_worker"))


def own_python_files(root: Path) -> list[str]:
    """The paths of a checkout's Python files, at most MOST_FILES.

    Virtual environments and hidden folders are left out.
    """
    return [path for path, _ in zip(_python_files(root), range(MOST_FILES), strict=False)]


def _python_files(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in _OF_OTHERS
            and not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))
        )
        for name in sorted(files):
            if name.endswith(".py"):
                yield os.path.join(folder, name)
