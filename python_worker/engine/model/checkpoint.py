"""Loads untrusted checkpoints safely."""

from __future__ import annotations

import hashlib
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ...protocol import Failure, LogLevel, ModelParams
from .inert_pickle import inert_pickle_module
from .safetensors_file import is_safetensors, load_safetensors
from .state_dicts import fitting_state_dicts, state_dict_in
from .unusable_checkpoint import Unusable, describe_unusable

Log = Callable[[LogLevel, str], None]


class CheckpointLoader:
    """Replaces `torch.load` while one model is loaded.

    Args:
        model: the model; says whether its pickle may be executed as a last resort.
        log: receives what was left out.
        of_adapter: whether it loads the model's LoRA checkpoints, which trust_pickle does not cover.
    """

    def __init__(self, model: ModelParams, log: Log, *, of_adapter: bool = False) -> None:
        self._model = model
        self._log = log
        self._of_adapter = of_adapter
        self._names: frozenset[str] = frozenset()

    def expect(self, network: torch.nn.Module) -> None:
        """Set the network that the weights are for, so that a matching state dict is found anywhere."""
        self._names = frozenset(network.state_dict())

    def load(self, file: Any, map_location: Any = None, *_: Any, **__: Any) -> Any:
        """Load a checkpoint in the safest way that yields its weights.

        Raises:
            Failure: MODEL_UNAVAILABLE, if no permitted way yields them.
        """
        if not isinstance(file, str | os.PathLike):
            return torch.load(file, map_location=map_location, weights_only=True)
        path, inert_names = Path(file), set[str]()
        checkpoint = self._read(path, map_location, inert_names)
        loaded = self._with_weights(checkpoint)
        if loaded is None:
            return self._load_trusted(path, map_location, describe_unusable(checkpoint), inert_names)
        if inert_names:
            self._log("info", f"ignored in the checkpoint, apart from its weights: {_listed(inert_names)}")
        return loaded

    def _read(self, path: Path, map_location: Any, inert_names: set[str]) -> Any:
        if is_safetensors(path):
            return load_safetensors(path)
        try:
            return torch.load(path, map_location=map_location, weights_only=True)
        except pickle.UnpicklingError:
            if _is_program(path):
                raise self._refusal("it is a program (TorchScript or an old tar), not a state dict") from None
            module = inert_pickle_module(inert_names)
            with _full_pickles_allowed():
                return torch.load(path, map_location=map_location, weights_only=False, pickle_module=module)

    def _load_trusted(self, path: Path, map_location: Any, found: Unusable, inert_names: set[str]) -> Any:
        """Load a checkpoint by unrestricted unpickling, if that may help and is permitted; else raise."""
        if self._of_adapter:
            raise self._refusal(
                f"{found.reason}; an adapter by peft is the folder that save_pretrained wrote"
            )
        if not found.may_be_trusted:
            raise self._refusal(found.reason)
        listed = _listed(inert_names)
        if not self._model.trust_pickle:
            trust = f'trust_pickle: "{_sha256(path)}"'
            self._log("error", self._how_to_trust(listed, trust))
            raise self._refusal(
                f"{found.reason} ({listed[:300]}) that need unpickling, which can run any code;"
                f" {trust} in the entry of {self._model.name} under models: in the configuration allows it"
                " for this file"
            )
        self._log("warn", f"the checkpoint is trusted and unpickled with {listed}")
        with _full_pickles_allowed():
            checkpoint = torch.load(path, map_location=map_location, weights_only=False)
        loaded = self._with_weights(checkpoint)
        if loaded is None:
            raise self._refusal(describe_unusable(checkpoint).reason)
        return loaded

    def _with_weights(self, checkpoint: Any) -> Any:
        """The checkpoint in a form that MSST can use; None if there is none."""
        weights = state_dict_in(checkpoint)
        if weights is not None and (not self._names or not self._names.isdisjoint(weights)):
            return checkpoint
        found = fitting_state_dicts(checkpoint, self._names)
        if len(found) > 1:
            places = " and ".join(one.place for one in found)
            raise self._refusal(
                f"it holds more than one state dict that fits ({places}), and none where MSST looks; save the"
                " one that you want alone with torch.save"
            )
        if not found:
            return None if weights is None else checkpoint
        self._log("info", f"using the weights that the checkpoint has {found[0].place}")
        return found[0].weights

    def _refusal(self, reason: str) -> Failure:
        what = "LoRA checkpoint" if self._of_adapter else "checkpoint"
        return Failure("MODEL_UNAVAILABLE", f"The {what} of {self._model.name} is not loaded: {reason}.")

    def _how_to_trust(self, listed: str, trust: str) -> str:
        return (
            f"the checkpoint of {self._model.name} wants {listed}. If you trust its source, put this "
            "under models: in the configuration:\n"
            f"  - name: {self._model.name}\n"
            f"    architecture: {self._model.architecture}\n"
            f"    config_path: {self._model.config_path}\n"
            f"    checkpoint_path: {self._model.checkpoint_path}\n"
            f"    {trust}"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))


def _is_program(path: Path) -> bool:
    """Whether torch.load would do something other than unpickle the file."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return any(Path(name).name == "constants.pkl" for name in archive.namelist())
    return tarfile.is_tarfile(path)


@contextmanager
def _full_pickles_allowed() -> Iterator[None]:
    """Lift the environment's forced weights-only loading, under which torch refuses other unpicklers."""
    forced = os.environ.pop("TORCH_FORCE_WEIGHTS_ONLY_LOAD", None)
    try:
        yield
    finally:
        if forced is not None:
            os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = forced
