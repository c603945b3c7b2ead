"""A training run on disk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch

from training.command import CommandError
from training.tensors import read_tensors, write_tensors
from training.train.kept import Kept
from training.train.optimiser import Optimiser
from training.whole import whole_file


@dataclass
class Run:
    """All that a training run is made of.

    Attributes:
        network: what learns.
        average: the moving average of its weights, which is what is kept in the end.
        optimiser: with its state.
        step: how many steps were done.
        kept: stems in which it stays near what it began with; not saved, as that is there.
    """

    network: torch.nn.Module
    average: torch.nn.Module
    optimiser: Optimiser
    step: int = 0
    kept: Kept | None = None

    def save(self, path: Path, fingerprint: str) -> None:
        """Write everything; the file before it stays until the new one is whole."""
        parts = {name: getattr(self, name).state_dict() for name in ("network", "average", "optimiser")}
        with whole_file(path) as temporary:
            write_tensors(temporary, {**parts, "step": self.step, "fingerprint": fingerprint})

    def resume(self, path: Path, fingerprint: str) -> None:
        """Go on from a file that `save` wrote.

        Raises:
            CommandError: it belongs to a run with other settings, or is broken.
        """
        try:
            saved = read_tensors(path)
        except CommandError as error:
            raise CommandError(f"{error} Remove it to begin anew.") from error
        if saved.get("fingerprint") != fingerprint:
            raise CommandError(
                f"{path} was begun with other settings. Give the same ones, or another folder."
            )
        for name in ("network", "average", "optimiser"):
            getattr(self, name).load_state_dict(saved[name])
        self.step = saved["step"]


def fingerprint_of(files: list[Path], **settings: object) -> str:
    """A hash that tells a run's settings from others: what stands in the files, and the rest by name."""
    content = b"".join(file.read_bytes() for file in files)
    return hashlib.sha256(content + repr(sorted(settings.items())).encode()).hexdigest()
