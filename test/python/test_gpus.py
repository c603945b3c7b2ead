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

from python_worker.gpus import list_gpus


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
