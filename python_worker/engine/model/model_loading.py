"""Loads a model with MSST's own code, or hands MSST the one that is loaded already."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...protocol import DeviceKind, Failure, ModelParams
from ..msst.model_config import readable_config
from ..msst.msst import Msst, module_names
from ..msst.msst_folder import msst_folder
from ..msst.names import ModuleProxy, Namespace, replaced_names
from .checkpoint import CheckpointLoader, Log
from .lora import merge_adapters, msst_applies_peft
from .model_cache import LoadedModel, ModelCache, file_stamp
from .msst_arguments import msst_arguments
from .precision import how_computed, make_fast, warnings_of


class ModelLoading:
    """Replaces the functions by which one run of `proc_folder` loads its model.

    Args:
        msst: the MSST whose proc_folder runs.
        models: the loaded models.
        model: the model to load.
        log: receives what was loaded and unloaded.
        prepare_config: changes this run's own copy of the YAML.
    """

    def __init__(
        self,
        msst: Msst,
        models: ModelCache,
        model: ModelParams,
        log: Log,
        prepare_config: Callable[[Any], None] = lambda config: None,
    ) -> None:
        self._msst = msst
        self._models = models
        self._model = model
        self._log = log
        self._prepare_config = prepare_config
        self._checkpoints = CheckpointLoader(model, log)
        self._original = {
            name: msst.namespace[name]
            for name in ("get_model_from_config", "load_start_checkpoint")
            if name in msst.namespace
        }
        self._warm: LoadedModel | None = None
        self._network: Any = None
        self._stamp: tuple[tuple[int, int], ...] = ()
        self._pristine_config: Any = None

    def begin(self) -> None:
        """Look the model up among the loaded ones, or make room for it.

        A model whose files have changed since it was loaded is loaded again.

        Raises:
            OSError: one of its files is missing.
        """
        self._stamp = file_stamp(self._model)
        self._warm = self._models.find(self._model, self._stamp)
        if self._warm is None:
            self._tell_evicted(self._models.make_room(self._model, self._stamp))

    @property
    def is_warm(self) -> bool:
        """Whether the model is loaded already."""
        return self._warm is not None

    def replacements(self) -> Iterator[tuple[Namespace, str, Any]]:
        """The names to replace while proc_folder runs."""
        home = self._msst.namespace
        yield home, "get_model_from_config", self._get_model_from_config
        # Before December 2024 proc_folder loaded the weights itself.
        if "load_start_checkpoint" in home:
            yield home, "load_start_checkpoint", self._load_start_checkpoint
        for namespace in (home, *self._msst.callee_namespaces):
            for name, torch in module_names(namespace, "torch"):
                yield namespace, name, ModuleProxy(torch, load=self._load_checkpoint)

    def keep(self, network: Any) -> None:
        """Merge adapters into the network that MSST loaded, and add it to the loaded models.

        Does nothing to a network that was loaded already.

        Raises:
            Failure: a LoRA adapter does not fit, or the device does not support the configured precision.
        """
        self._network = network
        if self._warm is None:
            peft_is_applied = msst_applies_peft(self._msst, self._model)
            merge_adapters(
                network, self._pristine_config, self._model, self._log, peft_is_applied=peft_is_applied
            )
            make_fast(network, self._model, self._log)
            evicted = self._models.add(self._model, self._stamp, network, self._pristine_config)
            self._log("info", f"the model {self._model.name} is loaded{how_computed(self._model)}")
            self._tell_evicted(evicted)

    @property
    def warnings(self) -> list[str]:
        """Warnings for the task's owner about how the network is computed."""
        return warnings_of(self._network)

    def _tell_evicted(self, names: list[str]) -> None:
        if names:
            self._log("info", f"unloaded to make room for {self._model.name}: {', '.join(names)}")

    def _get_model_from_config(self, architecture: str, config_path: Any) -> tuple[Any, Any]:
        if self._warm is not None:
            network, self._pristine_config = self._warm.network, self._warm.config
        else:
            load = self._original["get_model_from_config"]
            network, self._pristine_config = load(architecture, config_path)
            self._checkpoints.expect(network)
        config = copy.deepcopy(self._pristine_config)
        self._prepare_config(config)
        return network, config

    def _load_checkpoint(self, file: Any, *arguments: Any, **options: Any) -> Any:
        # proc_folder itself also loads the checkpoint for load_start_checkpoint, which does not use it here.
        return {} if self._warm is not None else self._checkpoints.load(file, *arguments, **options)

    def _load_start_checkpoint(self, *arguments: Any, **options: Any) -> None:
        if self._warm is None:
            self._original["load_start_checkpoint"](*arguments, **options)


def load_model(msst: Msst, models: ModelCache, model: ModelParams, device_kind: DeviceKind, log: Log) -> None:
    """Load a model, unless it is loaded already, by a run of `proc_folder` that stops before separating.

    Raises:
        Failure, or whatever MSST raises.
    """
    loading = ModelLoading(msst, models, model, log)
    loading.begin()
    if loading.is_warm:
        return

    def run_folder(network: Any, *_: Any, **__: Any) -> list[str]:
        loading.keep(network)
        return []

    loads_before, home = models.loads, msst.namespace
    with TemporaryDirectory(prefix="msst-serve-") as scratch:
        config_path = readable_config(Path(model.config_path), Path(scratch), model.architecture)
        arguments = msst_arguments(msst, model, config_path, device_kind, is_warm=False)
        names = [*loading.replacements(), (home, "run_folder", run_folder)]
        with msst_folder(msst.root, Path(scratch)), replaced_names(names):
            msst.proc_folder(arguments)
    if models.loads == loads_before:
        raise Failure("MODEL_UNAVAILABLE", f"MSST ended without having loaded the model {model.name}.")
