"""Checkpoints that become one, halfway between them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from training.average.__main__ import main as average
from training.tensors import read_tensors, write_tensors


def checkpoint(path: Path, **weights: torch.Tensor) -> str:
    write_tensors(path, weights)
    return str(path)


def test_every_weight_is_the_mean_whatever_the_numbers_are_kept_in(tmp_path: Path) -> None:
    one = checkpoint(tmp_path / "one.ckpt", kernel=torch.tensor([[1.0, 2.0]]), shift=torch.tensor([4.0]))
    half = torch.tensor([[3.0, -2.0]], dtype=torch.float16)
    other = checkpoint(tmp_path / "other.ckpt", kernel=half, shift=torch.tensor([0.0]))
    assert average([one, other, str(tmp_path / "new" / "run")]) == 0
    found = read_tensors(tmp_path / "new" / "run" / "model.ckpt")
    assert list(found) == ["kernel", "shift"]
    assert found["kernel"].dtype == torch.float32
    assert found["kernel"].tolist() == [[2.0, 0.0]] and found["shift"].tolist() == [2.0]
    assert average([one, one, other, other, str(tmp_path / "four")]) == 0
    assert torch.equal(read_tensors(tmp_path / "four" / "model.ckpt")["kernel"], found["kernel"])
    assert sorted(path.name for path in (tmp_path / "four").iterdir()) == ["model.ckpt"]


@pytest.mark.parametrize(
    ("name", "shape"), [("kernel", (2, 2)), ("other", (1, 2))], ids=["another shape", "another name"]
)
def test_another_network_is_refused_in_a_sentence(
    name: str, shape: tuple[int, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = checkpoint(tmp_path / "one.ckpt", kernel=torch.zeros(1, 2))
    other = checkpoint(tmp_path / "other.ckpt", **{name: torch.zeros(shape)})
    assert average([one, other, str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == f"{other} is of another network than {one}.\n"
    assert not (tmp_path / "out").exists()


def test_what_is_no_checkpoint_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = checkpoint(tmp_path / "one.ckpt", kernel=torch.zeros(1, 2))
    absent, broken, state = (tmp_path / name for name in ("absent.ckpt", "broken.ckpt", "state.pt"))
    broken.write_bytes(b"no zip")
    write_tensors(state, {"network": {"kernel": torch.zeros(1, 2)}, "step": 3})
    for path, expected in (
        (absent, f"{absent} is not there."),
        (broken, f"{broken} is broken, or no file of PyTorch's."),
        (state, f"{state} holds more than weights. Give the model.ckpt of a training run."),
    ):
        assert average([one, str(path), str(tmp_path / "out")]) == 1
        assert capsys.readouterr().err == f"{expected}\n"
    assert not (tmp_path / "out").exists()
