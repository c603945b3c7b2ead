"""One separation: runs MSST's `proc_folder` with some of the functions it calls replaced by ours."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import soundfile
from tqdm.std import tqdm as tqdm_class

from ..attempt import Attempt
from ..protocol import DeviceKind, Failure, SeparateParams, SeparateResult
from .forward_meter import ForwardMeter
from .mixture.decoder import Decoder
from .mixture.mixture_levels import levels_of
from .mixture.prepared_mixture import PreparedMixture
from .model.model_cache import ModelCache
from .model.model_loading import ModelLoading
from .model.msst_arguments import msst_arguments
from .msst.model_config import output_instruments, override_inference, readable_config, setting
from .msst.msst import Msst, class_names, module_names
from .msst.msst_folder import OUTPUT_FOLDER, end_if_forked_from, link_mixture, msst_folder
from .msst.names import ModuleProxy, Namespace, replaced_names
from .msst.silent_bar import bar_class
from .pieces.cut import NORMALIZE, plan_cut, require_whole
from .pieces.pieces import Pieces
from .stages import Stages
from .stems.planned_stems import PlannedStems
from .stems.stem_name import audio_files, extra_name, instrument_of, is_named_as_by_msst
from .stems.stem_plan import INSTRUMENTAL, StemPlan, plan_stems
from .stems.stem_writer import StemWriter

DECODED = "mixture.f32"
RESAMPLED_TOLERANCE_SECONDS = 0.1
"""Tolerance for the length of a resampled stem: resamplers round it differently."""


class Separation:
    """Separates one mixture, once.

    Args:
        msst: the MSST whose proc_folder runs.
        models: the loaded models; this attempt's model is added.
        device_kind: the device it runs on.
        params: the parameters from the server.
        attempt: reports progress and cancellation.
        stages: the attempt's stages; an earlier try may have used them.
        prepared: may hold the mixture, decoded in advance.
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
        self._has_bigshifts = "bigshifts" in msst.options.names
        self._process = os.getpid()
        self._original_run_folder = msst.namespace["run_folder"]
        self._loading = ModelLoading(msst, models, params.model, attempt.log, self._override_config)
        self._config: Any = None
        self._plan: StemPlan | None = None
        self._warnings: list[str] = []
        self._extra: list[str] = []
        self._named: set[str] = set()
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
        """Whether the model is still being loaded."""
        return self._stages.current == "loading_model"

    @property
    def batch_size(self) -> int | None:
        """The chunks per forward call; None if the YAML has not been read yet or does not say."""
        size: int | None = setting(self._config, "inference", "batch_size")
        return size

    @property
    def filled_a_batch(self) -> bool:
        """Whether a pass took several forward calls: then a longer mixture needs no more memory at once."""
        return self._meter.done > self._passes()

    @property
    def pieces_differ(self) -> bool:
        """Whether it failed because the mixture went through MSST in pieces."""
        return self._pieces is not None and self._pieces.differ

    def run(self) -> SeparateResult:
        """Load the model unless it is loaded already, separate, and write the stems.

        Raises:
            Failure, Cancelled, or whatever MSST raises; all stems have been removed then.
        """
        self._stages.enter("loading_model")
        self._loading.begin()
        try:
            scratch = Path(self._params.scratch_dir)
            with msst_folder(self._msst.root, scratch), replaced_names(self._replacements()):
                link_mixture(Path(self._params.mixture_path).absolute(), Decoder.name)
                self._msst.proc_folder(self._msst_arguments())
                self._take_what_lies_there()
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
        for name, module in module_names(home, "soundfile"):
            yield home, name, ModuleProxy(module, write=self._write)
        for name in [name for name, value in home.items() if value is soundfile.write]:
            yield home, name, self._write
        bar = bar_class(self._meter.correct)
        for namespace in (home, *self._msst.callee_namespaces):
            for name, tqdm in module_names(namespace, "tqdm"):
                yield namespace, name, ModuleProxy(tqdm, tqdm=bar)
            for name in class_names(namespace, tqdm_class):
                yield namespace, name, bar

    def _msst_arguments(self) -> dict[str, Any] | list[str]:
        model, options = self._params.model, self._params.options
        config_path = readable_config(
            Path(model.config_path), Path(self._params.scratch_dir), model.architecture
        )
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
        end_if_forked_from(self._process)
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
                # MSST sees every rotation as a separate mixture.
                args.bigshifts = 1
            return self._original_run_folder(network, args, config, device, *arguments, **options)

    def _cut(self, network: Any, around: ExitStack) -> bool:
        """Cut the mixture into pieces if it is too long. `around` undoes it when MSST is done.

        Returns:
            Whether it was cut.
        """
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
        self._attempt.log("info", f"the mixture is separated in {self._pieces.count} pieces")
        self._stages.enter("separating", 0, self._meter.total)
        around.enter_context(self._pieces.before(network))
        return True

    def _load(self, path: Any, *arguments: Any, **options: Any) -> tuple[Any, Any]:
        end_if_forked_from(self._process)
        self._named.clear()
        if self._pieces is not None and any(audio_files(Path(OUTPUT_FOLDER))):
            # MSST wrote the last piece's stems itself, bypassing our replacement.
            self._pieces.refuse()
        return self._source.load(path, *arguments, **options)

    @property
    def _source(self) -> Decoder | Pieces:
        return self._pieces or self._decoder

    def _planned(self, samples: int, sample_rate: int) -> PlannedStems:
        return PlannedStems(self._present_plan, self._writer, samples, sample_rate)

    def _present_plan(self) -> StemPlan:
        assert self._plan is not None  # made before anything is decoded
        return self._plan

    def _on_decoded(self, samples: int) -> None:
        self._meter.expect(self._config, self._params.model.architecture, samples)
        self._stages.enter("separating", 0, self._meter.total)

    def _on_forward(self, done: int, total: int) -> None:
        end_if_forked_from(self._process)
        self._attempt.raise_if_cancelled()
        self._attempt.progress("separating", done, total)

    def _write(self, file: Any, data: Any, samplerate: int, *_: Any, **__: Any) -> None:
        end_if_forked_from(self._process)
        if self._stages.current == "separating" and self._source.is_last:
            self._finish_separating()
        mixture = self._source.mixture
        assert mixture is not None  # MSST has read the mixture before it writes stems
        instrument = self._instrument_of(file)
        if instrument is None:
            return
        stem = numpy.asarray(data)
        stem = stem.reshape(stem.shape[0], -1)
        if int(samplerate) != self._source.sample_rate:
            self._write_resampled(instrument, stem, int(samplerate))
        elif stem.shape[0] != mixture.shape[-1]:
            sentence = f"MSST made the stem {instrument} with another length than the mixture."
            raise Failure("SEPARATION_FAILED", sentence)
        elif self._pieces is not None:
            self._pieces.write(instrument, stem)
        else:
            self._add(instrument, stem, mixture.T, int(samplerate))

    def _add(self, instrument: str, stem: Any, mixture: Any, sample_rate: int) -> None:
        """Write a whole stem. It replaces an earlier stem of the same name, as on disk."""
        self._writer.forget(instrument)
        if instrument == self._present_plan().subtracted:
            self._writer.forget(INSTRUMENTAL)
        self._planned(stem.shape[0], sample_rate).add(instrument, stem, mixture)

    def _write_resampled(self, instrument: str, stem: Any, sample_rate: int) -> None:
        """Write a stem that an edited MSST outputs at another rate than it separates at."""
        if self._pieces is not None:
            self._pieces.refuse()
        mixture = self._source.mixture
        assert mixture is not None and self._plan is not None
        seconds, expected = stem.shape[0] / sample_rate, mixture.shape[-1] / self._source.sample_rate
        if abs(seconds - expected) > RESAMPLED_TOLERANCE_SECONDS:
            sentence = f"MSST made the stem {instrument} with another length than the mixture."
            raise Failure("SEPARATION_FAILED", sentence)
        if instrument == self._plan.subtracted:
            sentence = (
                f"This MSST writes its stems at {sample_rate} Hz: no instrumental can be made from them."
            )
            raise Failure("SEPARATION_FAILED", sentence)
        self._warn(f"This MSST writes its stems at {sample_rate} Hz, not at the rate of the model.")
        self._add(instrument, stem, mixture.T, sample_rate)

    def _take_what_lies_there(self) -> None:
        """Collect the stems that an edited MSST wrote by other means than soundfile.write."""
        for path in audio_files(Path(OUTPUT_FOLDER)):
            audio, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
            self._write(path, audio, sample_rate)

    def _warn(self, sentence: str) -> None:
        if sentence not in self._warnings:
            self._warnings.append(sentence)

    def _finish_separating(self) -> None:
        self._meter.finish()
        self._attempt.progress("separating", self._meter.done, self._meter.total)
        self._stages.enter("encoding")

    def _instrument_of(self, file: Any) -> str | None:
        """The stem that a written file holds, an instrument or an extra one; None if it was not requested."""
        written = os.path.normpath(os.fspath(file)).removeprefix(f"{OUTPUT_FOLDER}{os.sep}")
        outputs = output_instruments(self._config)
        instrument = instrument_of(written, self._source.name, outputs)
        if instrument is not None and is_named_as_by_msst(written, self._source.name, instrument):
            self._named.add(instrument)
        # Otherwise it is another version of a stem that exists under MSST's own name: an extra stem.
        if instrument is not None and (instrument in self._named) == is_named_as_by_msst(
            written, self._source.name, instrument
        ):
            return instrument
        extra = extra_name(written, self._source.name)
        assert self._plan is not None  # made before anything is written
        if set(self._plan.written) < set(outputs) or extra.casefold() == self._plan.subtracted_name:
            return None
        if extra not in self._extra:
            self._extra.append(extra)
            self._plan = replace(self._plan, written=(*self._plan.written, extra))
            self._warn(f"This MSST writes a stem that the model's YAML does not name: {extra}.")
        return extra

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
