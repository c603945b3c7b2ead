"""A plugin of pytest that makes the tests quick enough to run them for every mutant."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

import pytest

COPY = Path.cwd()
KEPT = Path(os.environ["MUTATE_KEPT_AUDIO"])
sys.path.insert(0, str(COPY / "test" / "support"))

import make_audio  # noqa: E402

_make = make_audio.make


def _make_once(name: str, out: str | Path, **sound: float) -> Path:
    """Each odd file is made once and kept."""
    kept = KEPT / hashlib.sha256(repr((name, sorted(sound.items()))).encode()).hexdigest()
    if not kept.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        _make(name, kept.with_suffix(f".{os.getpid()}"), **sound).rename(kept)
    path = Path(out)
    path.write_bytes(kept.read_bytes())
    return path


make_audio.make = _make_once


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The quickest come first: the first that fails ends the run."""
    stats = COPY / "mutmut-stats.json"
    if stats.exists():
        seconds = json.loads(stats.read_text(encoding="utf-8"))["duration_by_test"]
        items.sort(key=lambda item: seconds.get(item.nodeid, 0.0))
