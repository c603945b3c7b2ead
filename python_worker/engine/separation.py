"""One separation: MSST's `proc_folder`, with the names it calls answered by us."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy

from ..attempt import Attempt
from ..protocol import DeviceKind, Failure, SeparateParams, SeparateResult
from .cut import NORMALIZE, plan_cut, require_whole
from .decoder import Decoder
from .forward_meter import ForwardMeter
from .mixture_levels import levels_of
from .model_cache import ModelCache
from .model_config import output_instruments, override_inference, readable_config, setting
from .model_loading import ModelLoading
from .msst import Msst, Namespace, module_names
from .msst_arguments import INPUT_FOLDER, OUTPUT_FOLDER, known_arguments, msst_arguments
from .names import ModuleProxy, replaced_names
from .pieces import Pieces
from .planned_stems import PlannedStems
from .prepared_mixture import PreparedMixture
from .stages import Stages
from .stem_plan import INSTRUMENTAL, StemPlan, plan_stems
from .stem_writer import StemWriter

DECODED = "mixture.f32"


class Separation:
    """One attempt at one mixture.

    Args:
        msst: whose proc_folder runs.
        models: the loaded ones; gets this attempt's model.
        device_kind: where it runs.
        params: what the server resolved.
        attempt: to report to.
        stages: of the attempt, which may have been tried before.
        prepared: where its mixture may have been decoded already.
        in_pieces: whether a mixture may go through MSST in pieces.
    """

    def __init__(
        self,
        msst: Msst,
        models: ModelCache,
        device_kind: DeviceKind,
        params: SeparateParams,
        attempt: Attempt,
        stages: Stages,
        prepared: PreparedMixture,
        *,
        in_pieces: bool,
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
        self._in_pieces = in_pieces
        self._decoder = Decoder(
            msst.librosa,
            params.duration_seconds,
            self._on_decoded,
            attempt.raise_if_cancelled,
            prepared,
            Path(params.mixture_path),
        )
        self._pieces: Pieces | None = None
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

    @property
    def pieces_differ(self) -> bool:
        """Whether it failed because the mixture went through MSST in pieces."""
        return self._pieces is not None and self._pieces.differ

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
            yield home, name, ModuleProxy(librosa, load=self._load)
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

    @property
    def _bigshifts(self) -> int:
        return self._params.options.bigshifts if self._has_bigshifts else 1

    def _passes(self) -> int:
        return self._bigshifts * (3 if self._params.options.use_tta else 1)

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
        self._stages.enter("decoding")
        self._decoder.prepare(config)
        with ExitStack() as around:
            around.enter_context(self._meter.watching(network, config))
            if self._cut(network, around):
                args = copy.copy(args)
                # Every rotation is a mixture of its own to MSST.
                args.bigshifts = 1
            return self._original_run_folder(network, args, config, device, *arguments, **options)

    def _cut(self, network: Any, around: ExitStack) -> bool:
        """Cut a mixture that is too long into pieces, for as long as MSST works at it."""
        cut = plan_cut(self._msst, self._config, self._params, self._bigshifts) if self._in_pieces else None
        if cut is None:
            require_whole(self._params)
            return False
        mixture = around.enter_context(
            self._decoder.decode_to_file(Path(self._params.mixture_path), cut.sample_rate, Path(DECODED))
        )
        if cut.normalizes:
            levels = levels_of(mixture)
            around.enter_context(replaced_names([(self._msst.namespace, NORMALIZE, levels.normalize)]))
        self._pieces = Pieces(mixture, cut, self._planned(mixture.samples, cut.sample_rate))
        passes = self._passes() // self._bigshifts
        self._meter.expect_calls(self._pieces.calls * passes)
        self._attempt.log("info", f"the mixture goes through MSST in {self._pieces.count} pieces")
        self._stages.enter("separating", 0, self._meter.total)
        around.enter_context(self._pieces.before(network))
        return True

    def _load(self, path: Any, *arguments: Any, **options: Any) -> tuple[Any, Any]:
        return self._source.load(path, *arguments, **options)

    @property
    def _source(self) -> Decoder | Pieces:
        return self._pieces or self._decoder

    def _planned(self, samples: int, sample_rate: int) -> PlannedStems:
        assert self._plan is not None  # made before anything is decoded
        return PlannedStems(self._plan, self._writer, samples, sample_rate)

    def _on_decoded(self, samples: int) -> None:
        self._meter.expect(self._config, self._params.model.architecture, samples)
        self._stages.enter("separating", 0, self._meter.total)

    def _on_forward(self, done: int, total: int) -> None:
        self._attempt.raise_if_cancelled()
        self._attempt.progress("separating", done, total)

    def _write(self, file: Any, data: Any, samplerate: int, *_: Any, **__: Any) -> None:
        if self._stages.current == "separating" and self._source.is_last:
            self._finish_separating()
        mixture = self._source.mixture
        assert mixture is not None  # MSST writes what it computed from it
        instrument = self._instrument_of(file)
        stem = numpy.asarray(data)
        if stem.shape[0] != mixture.shape[-1]:
            sentence = f"MSST made the stem {instrument} of another length than the mixture."
            raise Failure("SEPARATION_FAILED", sentence)
        stem = stem.reshape(stem.shape[0], -1)
        if self._pieces is not None:
            self._pieces.write(instrument, stem)
        else:
            self._planned(stem.shape[0], int(samplerate)).add(instrument, stem, mixture.T)

    def _finish_separating(self) -> None:
        self._meter.finish()
        self._attempt.progress("separating", self._meter.done, self._meter.total)
        self._attempt.computed()
        self._stages.enter("encoding")

    def _instrument_of(self, file: Any) -> str:
        written = _stem_path(os.fspath(file))
        for instrument in output_instruments(self._config):
            if written == _stem_path(os.path.join(OUTPUT_FOLDER, self._source.name, f"{instrument}.wav")):
                return instrument
            # Where MSST splits a template at its slashes, an absolute name stays inside the folder.
            if written == _stem_path(f"{OUTPUT_FOLDER}/{self._source.name}/{instrument}.wav"):
                return instrument
        raise Failure("SEPARATION_FAILED", "MSST wrote a stem that is none of the model's instruments.")

    def _result(self) -> SeparateResult:
        if self._source.failure is not None:
            raise self._source.failure
        plan = self._plan
        wanted = [] if plan is None else [*plan.written, *([INSTRUMENTAL] if plan.subtracted else [])]
        stems = {stem.instrument: stem for stem in self._writer.finish()}
        missing = [name for name in wanted if name not in stems]
        if missing or not wanted:
            raise Failure("SEPARATION_FAILED", f"MSST ended without a stem {', '.join(missing)}.")
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
            Path(INPUT_FOLDER, f"{Decoder.name}{mixture.suffix.lower()}").symlink_to(mixture)
            yield
        finally:
            os.chdir(before)
