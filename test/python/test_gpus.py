"""Which GPUs torch sees: told to the server where no nvidia-smi tells it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from child_process import PROJECT

from python_worker.gpus import list_gpus, run_gpus


def torch_with(*uuids: object, hip: str | None = None, available: bool = True) -> Any:
    properties = [SimpleNamespace() if uuid is None else SimpleNamespace(uuid=uuid) for uuid in uuids]
    cuda = SimpleNamespace(
        is_available=lambda: available,
        device_count=lambda: len(properties),
        get_device_properties=lambda index: properties[index],
    )
    return SimpleNamespace(version=SimpleNamespace(hip=hip), cuda=cuda)


def test_gpus_are_named_by_their_uuid_as_nvidia_writes_it() -> None:
    assert list_gpus(torch_with("1a-2b", None)) == {"is_rocm": False, "uuids": ["GPU-1a-2b", None]}


def test_gpus_of_rocm_have_no_uuid_that_they_could_be_chosen_by() -> None:
    assert list_gpus(torch_with("1a", "2b", hip="6.2")) == {"is_rocm": True, "uuids": [None, None]}


def test_a_torch_that_cannot_use_its_gpus_has_none() -> None:
    assert list_gpus(torch_with("1a", available=False)) == {"is_rocm": False, "uuids": []}


def ask() -> Any:
    run = subprocess.run(
        [sys.executable, "-m", "python_worker", "gpus"],
        cwd=PROJECT,
        env={**os.environ, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
    )
    return json.loads(run.stdout)


def test_the_real_torch_answers_in_one_line_of_json() -> None:
    assert len(ask()["uuids"]) == (torch.cuda.device_count() if torch.cuda.is_available() else 0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use")
def test_a_worker_that_is_given_the_uuid_of_a_real_gpu_finds_it() -> None:
    first = ask()["uuids"][0]
    code = "import torch; print(torch.cuda.get_device_properties(0).uuid, torch.cuda.device_count())"
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": first}
    seen = subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, check=True)
    assert seen.stdout.decode().split() == [first.removeprefix("GPU-"), "1"]


class PretendedTorch:
    """A torch with some GPUs."""

    def __init__(self, uuids: list[str | None], *, hip: str | None = None, is_there: bool = True) -> None:
        self.version = SimpleNamespace(hip=hip)
        self.cuda = SimpleNamespace(
            is_available=lambda: is_there,
            device_count=lambda: len(uuids),
            get_device_properties=lambda index: SimpleNamespace(
                **({} if uuids[index] is None else {"uuid": uuids[index]})
            ),
        )


@pytest.mark.parametrize(
    ("torch", "expected"),
    [
        (PretendedTorch(["a", "b"]), {"is_rocm": False, "uuids": ["GPU-a", "GPU-b"]}),
        (PretendedTorch(["a", None]), {"is_rocm": False, "uuids": ["GPU-a", None]}),
        (PretendedTorch(["a", "b"], hip="6.2"), {"is_rocm": True, "uuids": [None, None]}),
        (PretendedTorch(["a"], is_there=False), {"is_rocm": False, "uuids": []}),
    ],
)
def test_gpus_are_named_as_nvidia_does_it_where_they_can_be_chosen_so(
    torch: PretendedTorch, expected: dict[str, Any]
) -> None:
    assert list_gpus(torch) == expected


def test_a_torch_that_knows_of_no_rocm_is_none_of_it() -> None:
    torch = PretendedTorch(["a"])
    torch.version = SimpleNamespace()
    assert list_gpus(torch) == {"is_rocm": False, "uuids": ["GPU-a"]}


def test_the_gpus_are_one_line_of_json(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", PretendedTorch(["a"]))
    path = tmp_path_factory.mktemp("gpus") / "said"
    with path.open("wb", buffering=0) as sink:
        assert run_gpus(sink.fileno()) == 0
    said = path.read_text(encoding="ascii")
    assert said.endswith("\n") and json.loads(said) == {"is_rocm": False, "uuids": ["GPU-a"]}
