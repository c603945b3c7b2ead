"""Running separations in this process: an engine, its models, and what plain MSST makes of the same."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy
import soundfile
import torch
import yaml

from python_worker.attempt import Attempt, AttemptKey
from python_worker.engine import Engine
from python_worker.process.rpc import Request
from python_worker.protocol import ModelParams, SeparateOptions, SeparateParams, SeparateResult

PROJECT = Path(__file__).parents[2]
RATE = 44100
ROOTS = {
    "package": PROJECT,
    "bigshifts": PROJECT / "test" / "python" / "msst_upstream",
    "demix": PROJECT / "test" / "python" / "msst_gui_fork",
    "2024": PROJECT / "test" / "python" / "msst_2024",
    "colab": PROJECT / "test" / "python" / "msst_colab",
}
STARTER = ModelParams(
    name="starter",
    architecture="mdx23c",
    config_path=str(PROJECT / "configs" / "config_starter.yaml"),
    checkpoint_path=str(PROJECT / "pretrain" / "starter.ckpt"),
    trust_pickle=False,
    lora_checkpoint_peft=None,
    lora_checkpoint_loralib=None,
    precision="fp32",
    compile=False,
    msst_arguments=[],
)


@contextlib.contextmanager
def engine_of(shape: str, device: str = "cpu", *, shares_device: bool = False) -> Iterator[Engine]:
    """An engine on one MSST, whose `utils` and `models` are gone again afterwards: each has its own."""
    path, modules = sys.path[:], set(sys.modules)
    try:
        yield Engine(ROOTS[shape], device, shares_device=shares_device)
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            if name.partition(".")[0] in ("inference", "utils", "models"):
                del sys.modules[name]


def mixture(path: Path, seconds: float = 3.0, channels: int = 2, rate: int = RATE, loud: float = 0.3) -> Path:
    """Write a mixture of tones and noise, the same at every call."""
    random = numpy.random.default_rng(1)
    time = numpy.arange(round(seconds * rate)) / rate
    tones = sum(numpy.sin(2 * numpy.pi * pitch * time) / 4 for pitch in (55, 220, 440, 1760))
    sound = tones[:, None] + random.standard_normal((len(time), channels)) / 4
    soundfile.write(path, (loud * sound).astype(numpy.float32), rate, subtype="FLOAT")
    return path


def tiny_config(**changes: Any) -> dict[str, Any]:
    """The YAML of the stand-ins' network; `section__key=value` changes a value, None removes it."""
    config: dict[str, Any] = {
        "audio": {"chunk_size": 16384, "num_channels": 2, "sample_rate": RATE},
        "model": {"stereo": True},
        "training": {"instruments": ["vocals", "other"], "target_instrument": None, "use_amp": False},
        "inference": {"batch_size": 2, "num_overlap": 2},
    }
    for place, value in changes.items():
        section, key = place.split("__")
        config[section].pop(key, None)
        if value is not None:
            config[section][key] = value
    return config


def tiny_model(folder: Path, name: str = "tiny", *, bias: float = 0.1, **changes: Any) -> ModelParams:
    """A model for the stand-ins, of reproducible weights."""
    config = tiny_config(**changes)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    channels = config["audio"].get("num_channels", 2)
    stems = 1 if config["training"].get("target_instrument") else len(config["training"]["instruments"])
    torch.manual_seed(1)
    layer = torch.nn.Conv1d(channels, stems * channels, 3, padding=1)
    torch.nn.init.constant_(layer.bias, bias)
    torch.save({f"mix.{key}": value for key, value in layer.state_dict().items()}, folder / f"{name}.ckpt")
    return dataclasses.replace(
        STARTER,
        name=name,
        architecture="tiny",
        config_path=str(folder / f"{name}.yaml"),
        checkpoint_path=str(folder / f"{name}.ckpt"),
    )


def starter_with(folder: Path, **changes: Any) -> ModelParams:
    """The starter's checkpoint under a changed YAML; changes as for tiny_config."""
    config = yaml.safe_load(Path(STARTER.config_path).read_text(encoding="utf-8"))
    for place, value in changes.items():
        section, key = place.split("__")
        config[section].pop(key, None)
        if value is not None:
            config[section][key] = value
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "starter.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return dataclasses.replace(STARTER, name="changed", config_path=str(path))


def mono_model(shape: str, folder: Path) -> ModelParams:
    """A model that takes one channel, for that MSST."""
    if shape != "package":
        return tiny_model(folder, audio__num_channels=1, model__stereo=False)
    from msst.models.bs_roformer import MelBandRoformer

    network = {
        "dim": 16,
        "depth": 1,
        "stereo": False,
        "num_stems": 1,
        "num_bands": 8,
        "dim_head": 8,
        "heads": 2,
    }
    model = starter_with(
        folder,
        audio__num_channels=1,
        audio__chunk_size=44032,
        training__model_type="mel_band_roformer",
        training__instruments=["vocals", "other"],
        training__target_instrument="vocals",
    )
    config = yaml.safe_load(Path(model.config_path).read_text(encoding="utf-8"))
    config["model"] = network
    Path(model.config_path).write_text(yaml.safe_dump(config), encoding="utf-8")
    torch.manual_seed(1)
    torch.save(MelBandRoformer(**network).state_dict(), folder / "mono.ckpt")
    return dataclasses.replace(
        model, architecture="mel_band_roformer", checkpoint_path=str(folder / "mono.ckpt")
    )


class Run:
    """One attempt, and all it said."""

    def __init__(self, folder: Path, mixture_path: Path, model: ModelParams, **options: Any) -> None:
        self.output, scratch = folder / "stems", folder / "scratch [1]"
        self.output.mkdir(parents=True)
        scratch.mkdir()
        seconds = options.pop("duration_seconds", None)
        piece_seconds, whole_fits = options.pop("piece_seconds", None), options.pop("whole_fits", True)
        self.params = SeparateParams(
            task_id="task",
            attempt=1,
            mixture_path=str(mixture_path),
            output_dir=str(self.output),
            scratch_dir=str(scratch),
            duration_seconds=soundfile.info(mixture_path).duration if seconds is None else seconds,
            piece_seconds=piece_seconds,
            whole_fits=whole_fits,
            model=model,
            options=SeparateOptions(
                **{
                    "instruments": instruments_of(model),
                    "use_tta": False,
                    "extract_instrumental": False,
                    "output_format": "wav",
                    "pcm_type": "FLOAT",
                    "bigshifts": 1,
                    "num_overlap": None,
                    "batch_size": None,
                    **options,
                }
            ),
        )
        self.said: list[tuple[str, Any]] = []
        self.request = Request(1, "separate", None)
        self.on_message: Callable[[str, Any], None] = lambda method, message: None
        self.attempt = Attempt(AttemptKey("task", 1), self.request, self._hear)

    def _hear(self, method: str, message: Any) -> None:
        self.said.append((method, message))
        self.on_message(method, message)

    def on(self, engine: Engine) -> SeparateResult:
        """Run it."""
        try:
            return engine.separate(self.params, self.attempt)
        finally:
            self.attempt.end()

    def progress(self, stage: str) -> list[tuple[int, int]]:
        """(done, total) of every progress message of a stage."""
        messages = [message for method, message in self.said if method == "progress"]
        return [(message.done, message.total) for message in messages if message.stage == stage]

    def stem(self, result: SeparateResult, instrument: str, dtype: str = "float32") -> Any:
        """The samples of a written stem."""
        filename = next(stem.filename for stem in result.stems if stem.instrument == instrument)
        return soundfile.read(self.output / filename, dtype=dtype, always_2d=True)[0]


def agreement(expected: Any, found: Any) -> float:
    """How near two signals are, in dB: their energy by that of their difference."""
    return float(10 * numpy.log10(numpy.square(expected).sum() / numpy.square(expected - found).sum()))


def instruments_of(model: ModelParams) -> list[str]:
    """What a model puts out."""
    training = yaml.load(Path(model.config_path).read_text(encoding="latin-1"), yaml.FullLoader)["training"]
    target = training.get("target_instrument")
    return [target] if target else list(training["instruments"])


def plain_stems(
    shape: str, folder: Path, mixture_path: Path, model: ModelParams, **flags: Any
) -> dict[str, Any]:
    """What `proc_folder` of that MSST writes by itself: float32 (samples, channels) by stem name."""
    inputs, outputs = folder / "in", folder / "out"
    inputs.mkdir(parents=True)
    (inputs / f"song{mixture_path.suffix}").symlink_to(mixture_path)
    arguments = {
        "model_type": model.architecture,
        "config_path": model.config_path,
        "start_check_point": model.checkpoint_path,
        "input_folder": str(inputs),
        "store_dir": str(outputs),
        "force_cpu": True,
        "pcm_type": "FLOAT",
        **flags,
    }
    with imported_inference(shape) as inference:
        inference.proc_folder(words_of(arguments) if shape == "2024" else arguments)
    files = sorted(path for path in outputs.rglob("*") if path.is_file())
    stems = {}
    for path in files:
        name = os.path.relpath(path.with_suffix(""), outputs / "song").removeprefix("../song_")
        stems[name] = soundfile.read(path, dtype="float32", always_2d=True)[0]
    return stems


def words_of(arguments: dict[str, Any]) -> list[str]:
    """Those arguments as on a command line, but for what goes without saying."""
    words: list[str] = []
    for name, value in arguments.items():
        if name != "pcm_type" and value is not False:
            words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    return words


@contextlib.contextmanager
def imported_inference(shape: str) -> Iterator[ModuleType]:
    """The module `inference.py` of that MSST, imported as running it by hand does."""
    already = sys.modules.get("inference")
    if already is not None and already.__file__ == str(ROOTS[shape] / "inference.py"):
        yield already
        return
    with engine_of(shape):
        yield sys.modules["inference"]
