"""The YAML of a model as MSST hands it on, written in a test."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


def yaml_of(**sections: dict[str, Any]) -> SimpleNamespace:
    return SimpleNamespace(**{name: SimpleNamespace(**values) for name, values in sections.items()})


def small_yaml(**inference: Any) -> SimpleNamespace:
    return yaml_of(
        audio={"chunk_size": 1000, "sample_rate": 8000},
        inference={"num_overlap": 4, "batch_size": 2, **inference},
    )
