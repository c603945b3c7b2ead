"""What several test files share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
import torch
from hypothesis import settings
from separating import STARTER, engine_of, tiny_model

from python_worker.engine import Engine
from python_worker.protocol import ModelParams

# Property tests drive real processes on machines that may be busy: only the outcome counts, not the time.
settings.register_profile("project", deadline=None, database=None)
settings.load_profile("project")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Small networks only wait for a second one, the longer the busier the machine is."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def file_of(tmp_path: Path) -> Iterator[Callable[[bytes], BinaryIO]]:
    """Opens a file that holds these bytes."""
    opened: list[BinaryIO] = []

    def open_file(content: bytes) -> BinaryIO:
        path = tmp_path / f"file{len(opened)}"
        path.write_bytes(content)
        opened.append(path.open("rb", buffering=0))
        return opened[-1]

    yield open_file
    for file in opened:
        file.close()


@pytest.fixture(scope="module", params=["package", "bigshifts", "demix"])
def shape(request: pytest.FixtureRequest) -> str:
    """Which MSST: the package, or a stand-in of one of the two others in use."""
    return str(request.param)


@pytest.fixture(scope="module")
def engine(shape: str) -> Iterator[Engine]:
    """The engine on it."""
    with engine_of(shape) as ready:
        yield ready


@pytest.fixture
def model(shape: str, tmp_path: Path) -> ModelParams:
    """A model that it separates quickly."""
    return STARTER if shape == "package" else tiny_model(tmp_path / "model")
