"""Loading checkpoints that may come from anyone."""

from __future__ import annotations

import hashlib
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ..protocol import Failure, LogLevel, ModelParams
from .inert_pickle import inert_pickle_module
from .safetensors_file import is_safetensors, load_safetensors

Log = Callable[[LogLevel, str], None]

# Where MSST looks for the weights in a checkpoint that holds more.
WEIGHT_KEYS = ("state", "state_dict", "model_state_dict")


class CheckpointLoader:
    """Stands in for `torch.load` while one model is loaded.

    Args:
        model: names the model in messages, and says whether its pickle may run as a last resort.
        log: where it says what it left out.
        of_adapter: it loads the model's LoRA checkpoints, to which trust in the other does not extend.
    """

    def __init__(self, model: ModelParams, log: Log, *, of_adapter: bool = False) -> None:
        self._model = model
        self._log = log
        self._of_adapter = of_adapter

    def load(self, file: Any, map_location: Any = None, *_: Any, **__: Any) -> Any:
        """The checkpoint in a file, read in the safest way that yields its weights.

        Raises:
            Failure: MODEL_UNAVAILABLE, if no way that is allowed yields them.
        """
        if not isinstance(file, str | os.PathLike):
            return torch.load(file, map_location=map_location, weights_only=True)
        path = Path(file)
        if is_safetensors(path):
            return load_safetensors(path)
        try:
            return torch.load(path, map_location=map_location, weights_only=True)
        except pickle.UnpicklingError:
            return self._load_inert(path, map_location)

    def _load_inert(self, path: Path, map_location: Any) -> Any:
        if _is_program(path):
            raise self._refusal("it is a program (TorchScript or an old tar), not a state dict")
        inert_names: set[str] = set()
        module = inert_pickle_module(inert_names)
        with _full_pickles_allowed():
            checkpoint = torch.load(path, map_location=map_location, weights_only=False, pickle_module=module)
        listed = ", ".join(sorted(inert_names))
        if state_dict_in(checkpoint) is not None:
            self._log("info", f"left out of the checkpoint, beside its weights: {listed or 'nothing'}")
            return checkpoint
        if self._of_adapter:
            raise self._refusal(f"its weights stand inside Python objects ({listed[:300]})")
        if self._model.trust_pickle:
            self._log("warn", f"the checkpoint is trusted and unpickled with {listed}")
            with _full_pickles_allowed():
                return torch.load(path, map_location=map_location, weights_only=False)
        trust = f'trust_pickle: "{_sha256(path)}"'
        self._log("error", self._how_to_trust(path, listed, trust))
        raise self._refusal(
            f"its weights stand inside Python objects ({listed[:300]}) that only unpickling builds, and "
            f"that may run any code; {trust} in the entry of {self._model.name} under models: in the "
            "configuration allows it for this very file"
        )

    def _refusal(self, reason: str) -> Failure:
        what = "LoRA checkpoint" if self._of_adapter else "checkpoint"
        return Failure("MODEL_UNAVAILABLE", f"The {what} of {self._model.name} is not loaded: {reason}.")

    def _how_to_trust(self, path: Path, listed: str, trust: str) -> str:
        return (
            f"the checkpoint of {self._model.name} wants {listed}. If you trust where it came from, put this "
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


def state_dict_in(checkpoint: Any) -> Mapping[Any, Any] | None:
    """The weights in a checkpoint, where MSST looks for them; None: they are not there."""
    if not isinstance(checkpoint, Mapping):
        return None
    places = [*(checkpoint.get(key) for key in WEIGHT_KEYS), checkpoint]
    return next((place for place in places if isinstance(place, Mapping) and _holds_tensors(place)), None)


def _holds_tensors(place: Mapping[Any, Any]) -> bool:
    return any(isinstance(value, torch.Tensor) for value in place.values())


def _is_program(path: Path) -> bool:
    """Whether torch.load would run something else than an unpickler on it."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return any(Path(name).name == "constants.pkl" for name in archive.namelist())
    return tarfile.is_tarfile(path)


@contextmanager
def _full_pickles_allowed() -> Iterator[None]:
    """While the environment forces weights-only loading, torch refuses any unpickler but its own."""
    forced = os.environ.pop("TORCH_FORCE_WEIGHTS_ONLY_LOAD", None)
    try:
        yield
    finally:
        if forced is not None:
            os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = forced
