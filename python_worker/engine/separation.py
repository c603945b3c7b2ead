"""One separation: MSST's `proc_folder`, with the names it calls answered by us."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy

from ..attempt import Attempt
from ..protocol import DeviceKind, Failure, SeparateParams, SeparateResult
from .decoder import Decoder
from .forward_meter import ForwardMeter
from .model_cache import ModelCache
from .model_config import output_instruments, override_inference, readable_config, setting
from .model_loading import ModelLoading
from .msst import Msst, Namespace, module_names
from .msst_arguments import INPUT_FOLDER, OUTPUT_FOLDER, known_arguments, msst_arguments
from .names import ModuleProxy, replaced_names
from .stages import Stages
from .stem_plan import INSTRUMENTAL, StemPlan, plan_stems
from .stem_writer import StemWriter

MIXTURE = "mixture"


class Separation:
    """One attempt at one mixture.

    Args:
        msst: whose proc_folder runs.
        models: the loaded ones; gets this attempt's model.
        device_kind: where it runs.
        params: what the server resolved.
        attempt: to report to.
        stages: of the attempt, which may have been tried before.
    """

    def __init__(
        self,
        msst: Msst,
        models: ModelCache,
        device_kind: DeviceKind,
        params: SeparateParams,
        attempt: Attempt,
        stages: Stages,
    ) -> None:
        self._msst = msst
        self._models = models
        self._device_kind = device_kind
        self._params = params
        self._attempt = attempt
        self._has_bigshifts = "bigshifts" in known_arguments(msst)
        self._original_run_folder = msst.namespace["run_folder"]
        self._loading = ModelLoading(msst, models, params.model, attempt.log, self._override_config)
        self._config: Any = None
        self._plan: StemPlan | None = None
        self._warnings: list[str] = []
        self._stages = stages
        self._decoder = Decoder(msst.librosa, params.duration_seconds, self._on_decoded)
        self._meter = ForwardMeter(self._passes(), self._on_forward)
        self._writer = StemWriter(Path(params.output_dir), params.options, attempt.raise_if_cancelled)

    @property
    def is_loading(self) -> bool:
        """Whether MSST has not yet begun with the mixture."""
        return self._stages.current == "loading_model"

    @property
    def batch_size(self) -> int | None:
        """How many chunks the network gets at once; None: the YAML was not read yet, or does not say."""
        size: int | None = setting(self._config, "inference", "batch_size")
        return size

    @property
    def filled_a_batch(self) -> bool:
        """Whether one forward call was not enough for the mixture: then no longer one needs more at once."""
        return self._meter.done > self._passes()

    def run(self) -> SeparateResult:
        """Load the model unless it is warm, separate, and write the stems.

        Raises:
            Failure, Cancelled, or whatever MSST raises; no stem is left then.
        """
        self._stages.enter("loading_model")
        self._loading.begin()
        try:
            with _inside_scratch(self._params), replaced_names(self._replacements()):
                self._msst.proc_folder(self._msst_arguments())
            return self._result()
        except BaseException:
            self._writer.discard()
            raise

    def _replacements(self) -> Iterator[tuple[Namespace, str, Any]]:
        home = self._msst.namespace
        yield from self._loading.replacements()
        yield home, "run_folder", self._run_folder
        for name, librosa in module_names(home, "librosa"):
            yield home, name, ModuleProxy(librosa, load=self._decoder.load)
        for name, soundfile in module_names(home, "soundfile"):
            yield home, name, ModuleProxy(soundfile, write=self._write)
        for namespace in (home, *self._msst.callee_namespaces):
            if "tqdm" in namespace:
                yield namespace, "tqdm", self._meter.bar

    def _msst_arguments(self) -> dict[str, Any]:
        model, options = self._params.model, self._params.options
        config_path = readable_config(Path(model.config_path), Path(self._params.scratch_dir))
        if options.bigshifts > 1 and not self._has_bigshifts:
            self._warnings.append("bigshifts has no effect: this MSST has no such option")
        return msst_arguments(
            self._msst,
            model,
            config_path,
            self._device_kind,
            is_warm=self._loading.is_warm,
            use_tta=options.use_tta,
            bigshifts=options.bigshifts,
        )

    def _passes(self) -> int:
        options = self._params.options
        return (options.bigshifts if self._has_bigshifts else 1) * (3 if options.use_tta else 1)

    def _override_config(self, config: Any) -> None:
        options = self._params.options
        override_inference(config, num_overlap=options.num_overlap, batch_size=options.batch_size)

    def _run_folder(
        self, network: Any, args: Any, config: Any, device: Any, *arguments: Any, **options: Any
    ) -> Any:
        self._loading.keep(network)
        self._config = config
        self._plan = plan_stems(output_instruments(config), self._params.options)
        if self._plan.warning:
            self._warnings.append(self._plan.warning)
        self._decoder.prepare(config)
        self._stages.enter("decoding")
        with self._meter.watching(network, config):
            return self._original_run_folder(network, args, config, device, *arguments, **options)

    def _on_decoded(self, samples: int) -> None:
        self._meter.expect(self._config, self._params.model.architecture, samples)
        self._stages.enter("separating", 0, self._meter.total)

    def _on_forward(self, done: int, total: int) -> None:
        self._attempt.raise_if_cancelled()
        self._attempt.progress("separating", done, total)

    def _write(self, file: Any, data: Any, samplerate: int, *_: Any, **__: Any) -> None:
        if self._stages.current == "separating":
            self._finish_separating()
        mixture, plan = self._decoder.mixture, self._plan
        assert mixture is not None and plan is not None  # MSST writes what it computed from them
        instrument = self._instrument_of(file)
        stem = numpy.asarray(data)
        if stem.shape[0] != mixture.shape[-1]:
            sentence = f"MSST made the stem {instrument} of another length than the mixture."
            raise Failure("SEPARATION_FAILED", sentence)
        if instrument in plan.written:
            self._writer.write(instrument, stem, int(samplerate))
        if instrument == plan.subtracted:
            self._writer.write(INSTRUMENTAL, mixture.T - stem.reshape(stem.shape[0], -1), int(samplerate))

    def _finish_separating(self) -> None:
        self._meter.finish()
        self._attempt.progress("separating", self._meter.done, self._meter.total)
        self._attempt.computed()
        self._stages.enter("encoding")

    def _instrument_of(self, file: Any) -> str:
        written = _stem_path(os.fspath(file))
        for instrument in output_instruments(self._config):
            if written == _stem_path(os.path.join(OUTPUT_FOLDER, MIXTURE, f"{instrument}.wav")):
                return instrument
            # Where MSST splits a template at its slashes, an absolute name stays inside the folder.
            if written == _stem_path(f"{OUTPUT_FOLDER}/{MIXTURE}/{instrument}.wav"):
                return instrument
        raise Failure("SEPARATION_FAILED", "MSST wrote a stem that is none of the model's instruments.")

    def _result(self) -> SeparateResult:
        if self._decoder.failure is not None:
            raise self._decoder.failure
        plan = self._plan
        wanted = [] if plan is None else [*plan.written, *([INSTRUMENTAL] if plan.subtracted else [])]
        stems = {stem.instrument: stem for stem in self._writer.stems}
        missing = [name for name in wanted if name not in stems]
        if missing or not wanted:
            raise Failure("SEPARATION_FAILED", f"MSST ended without a stem {', '.join(missing)}.")
        self._writer.finish()
        return SeparateResult(
            task_id=self._params.task_id,
            attempt=self._params.attempt,
            stems=[stems[name] for name in wanted],
            warnings=[*self._warnings, *self._loading.warnings],
            stage_seconds=self._stages.finish(),
            model_loads=self._models.loads,
            forward_seconds=self._meter.seconds,
            memory_retries=0,
            device_peak=None,
        )


def _stem_path(path: str) -> str:
    return os.path.normpath(re.sub(r"\.(wav|flac)$", "", path))


@contextmanager
def _inside_scratch(params: SeparateParams) -> Iterator[None]:
    mixture = Path(params.mixture_path).absolute()
    before = Path.cwd()
    # Gone again afterwards: the attempt may be tried once more.
    with TemporaryDirectory(prefix="try-", dir=Path(params.scratch_dir).absolute()) as own:
        os.chdir(own)
        try:
            Path(INPUT_FOLDER).mkdir()
            Path(INPUT_FOLDER, f"{MIXTURE}{mixture.suffix.lower()}").symlink_to(mixture)
            yield
        finally:
            os.chdir(before)
