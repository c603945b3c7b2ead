"""The separation engine of one worker: its MSST, its device and its loaded models."""

from __future__ import annotations

import itertools
import time
import traceback
from dataclasses import replace
from pathlib import Path

import torch

from ..attempt import Attempt
from ..process.rpc import ProcessBroken
from ..protocol import (
    DeviceInfo,
    Failure,
    Holding,
    LoadResult,
    ModelParams,
    MsstInfo,
    Prepare,
    SeparateParams,
    SeparateResult,
    UnloadResult,
)
from .memory.device import describe_device
from .memory.device_memory import memory_of
from .memory.memory_ladder import MemoryLadder, Shortage, give_up
from .mixture.decoder import warm_up_decoding
from .mixture.libsndfile import forbid_other_decoders
from .mixture.prepared_mixture import PreparedMixture
from .model.checkpoint import Log
from .model.model_cache import ModelCache
from .model.model_loading import load_model
from .model.peak_meter import PeakMeter
from .msst.failures import explain, is_broken_device
from .msst.msst import MsstError, load_msst
from .msst.msst_options import MsstOptions
from .msst.names import Namespace
from .separation import Separation
from .stages import Stages


class Engine:
    """Separates mixtures one at a time with the `proc_folder` of one MSST.

    Args:
        msst_root: the folder whose `inference.py` has `proc_folder`.
        device: `cpu`, `mps` or `cuda:0`.
        shares_device: whether other workers use the same GPU.

    Raises:
        Failure: MSST cannot be imported by this interpreter, or the device is not available.
    """

    def __init__(self, msst_root: Path, device: str, *, shares_device: bool = False) -> None:
        self.torch_version = str(torch.__version__).partition("+")[0]
        self.device_info: DeviceInfo = describe_device(device)
        try:
            self._msst = load_msst(msst_root)
        except MsstError as error:
            raise Failure("INTERNAL", str(error), error.details) from error
        forbid_other_decoders()
        self.msst_info = MsstInfo(call_shape=self._msst.call_shape, version=self._msst.version)
        self._memory = memory_of(self.device_info)
        self._models = ModelCache(self._memory)
        self._peak = PeakMeter(self._memory, self._models) if shares_device else None
        self._is_warm = False
        self._uncut: list[ModelParams] = []
        self._prepared = PreparedMixture(self._msst.librosa)

    @property
    def main_file(self) -> str:
        """The file that defines `proc_folder`."""
        return self._msst.main_file

    @property
    def options(self) -> MsstOptions:
        """The options of MSST's `proc_folder`."""
        return self._msst.options

    @property
    def namespace(self) -> Namespace:
        """The globals of the module that defines `proc_folder`."""
        return self._msst.namespace

    def warm_up(self) -> None:
        """Do one-time initialization ahead of the first separation. Preloading a model takes precedence."""
        if self._is_warm:
            return
        warm_up_decoding(self._msst.librosa)
        self._is_warm = True

    def prepare(self, params: Prepare) -> None:
        """Start decoding a mixture in the background. Returns immediately; thread-safe."""
        self._prepared.begin(Path(params.mixture_path), params.sample_rate, params.duration_seconds)

    def separate(self, params: SeparateParams, attempt: Attempt) -> SeparateResult:
        """Separate one mixture into the attempt's output folder.

        Raises:
            Failure: the separation failed; the output folder is empty again.
            Cancelled: the caller cancelled the attempt; the output folder is empty again.
            ProcessBroken: the device no longer works in this process.
        """
        ladder, stages = MemoryLadder(params), Stages(attempt)
        if not self._is_warm:
            # Counted as loading_model, which is excluded from the estimates for later tasks.
            stages.enter("loading_model")
            self.warm_up()
        if self._peak is not None:
            self._peak.begin()
        for retries in itertools.count():
            outcome = self._try_once(ladder.params, attempt, stages)
            if isinstance(outcome, SeparateResult):
                warnings = [*outcome.warnings, *ladder.warnings]
                return replace(outcome, warnings=warnings, memory_retries=retries)
            if isinstance(outcome, Failure):
                self._memory.release()
                raise outcome
            attempt.raise_if_cancelled()
            self._make_room_after(outcome, ladder, attempt)
        raise AssertionError("the ladder has an end")

    def _try_once(
        self, params: SeparateParams, attempt: Attempt, stages: Stages
    ) -> SeparateResult | Failure | Shortage:
        in_pieces = params.model not in self._uncut
        separation = Separation(
            self._msst,
            self._models,
            self.device_info.kind,
            params,
            attempt,
            stages,
            self._prepared,
            in_pieces=in_pieces,
        )
        try:
            return self._with_peak(separation.run(), separation)
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            # KeyboardInterrupt can only be raised by MSST's code here: SIGINT is ignored.
            _leave_broken_device(error, attempt.log)
            if separation.pieces_differ:
                self._uncut.append(params.model)
                attempt.log(
                    "warn", f"{params.model.name} gives different output in pieces: retrying without pieces"
                )
                return self._try_once(params, attempt, stages)
            failure = explain(
                error,
                is_loading=separation.is_loading,
                model_name=params.model.name,
                msst_root=self._msst.root,
            )
            if failure.kind != "OUT_OF_MEMORY":
                return failure
            # Keep only text and numbers: the error and the separation reference tensors that must be freed.
            return Shortage(failure, stages.current, separation.batch_size)

    def _with_peak(self, result: SeparateResult, separation: Separation) -> SeparateResult:
        if self._peak is None:
            return result
        return replace(result, device_peak=self._peak.end(any_length=separation.filled_a_batch))

    def _make_room_after(self, shortage: Shortage, ladder: MemoryLadder, attempt: Attempt) -> None:
        """Free memory for another try. Raises the failure if nothing is left to free or reduce."""
        evicted = self._models.evict_others(ladder.params.model) if ladder.may_evict(shortage) else []
        self._memory.release()
        if evicted:
            attempt.log("warn", f"memory ran out: retrying without the models {', '.join(evicted)}")
        elif ladder.halve(shortage):
            size = ladder.params.options.batch_size
            attempt.log("warn", f"memory ran out: retrying with a batch_size of {size}")
        else:
            failure = give_up(shortage)
            self._recover_from(failure)
            raise failure

    def load(self, model: ModelParams, log: Log) -> LoadResult:
        """Load a model in advance, unless it is loaded already.

        Raises:
            Failure: it cannot be loaded; with the reason.
        """
        started = time.monotonic()
        try:
            load_model(self._msst, self._models, model, self.device_info.kind, log)
            return LoadResult(time.monotonic() - started, self._models.loads, self._models.names())
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            _leave_broken_device(error, log)
            failure = explain(error, is_loading=True, model_name=model.name, msst_root=self._msst.root)
        self._recover_from(failure)
        raise failure

    def unload(self) -> UnloadResult:
        """Unload every model and release the memory."""
        result = UnloadResult(self._models.names(), self._models.used_bytes())
        self._models.clear()
        self._memory.release()
        return result

    def holding(self) -> Holding:
        """The loaded models, and the GPU memory that this process holds."""
        held = self._memory.held_bytes()
        return Holding(self._models.names(), held, None if held is None else self._memory.used_bytes())

    def _recover_from(self, failure: Failure) -> None:
        if failure.kind == "OUT_OF_MEMORY":
            self._models.clear()
        self._memory.release()


def _leave_broken_device(error: BaseException, log: Log) -> None:
    if not is_broken_device(error):
        return
    details = "".join(traceback.format_exception(error))
    log("error", f"the device failed permanently; this worker exits and is replaced:\n{details}")
    raise ProcessBroken("the device failed permanently")
