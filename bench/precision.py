"""Separates a song in every way of computing a model: python bench/precision.py CONFIG CHECKPOINT SONG OUT.

Into the folder OUT go the stems, and answer.json: for each way its seconds, and how near its stems are to
those of fp32.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

import numpy  # noqa: E402
import soundfile  # noqa: E402
import torch  # noqa: E402
import yaml  # noqa: E402

from python_worker.attempt import Attempt, AttemptKey  # noqa: E402
from python_worker.engine import Engine  # noqa: E402
from python_worker.process.rpc import Request  # noqa: E402
from python_worker.protocol import (  # noqa: E402
    Failure,
    ModelParams,
    SeparateOptions,
    SeparateParams,
    SeparateResult,
)

WAYS = [(precision, compiled) for compiled in (False, True) for precision in ("fp32", "bf16", "fp16")]


def main(config: str, checkpoint: str, song: str, out: str) -> None:
    paths = {"config": config, "checkpoint": checkpoint, "song": song, "out": out}
    asked = {name: str(Path(path).absolute()) for name, path in paths.items()}
    engine = Engine(PROJECT, "cuda:0" if torch.cuda.is_available() else "cpu")
    ways, reference = [], {}
    for precision, compiled in WAYS:
        way: dict[str, Any] = {"precision": precision, "compile": compiled}
        try:
            first, _ = separate(engine, asked, precision, compiled, "first")
            again, stems = separate(engine, asked, precision, compiled, "again")
            reference = reference or stems
            way["first_seconds"] = first.forward_seconds
            way["seconds"] = again.forward_seconds
            way["warnings"] = again.warnings
            way["agreement"] = {name: agreement(reference[name], stems[name]) for name in stems}
        except Failure as failure:
            if not ways:
                raise
            way["failure"] = failure.message
        engine.unload()
        ways.append(way)
    Path(out, "answer.json").write_text(json.dumps({"device": engine.device_info.name, "ways": ways}))


def separate(
    engine: Engine, asked: dict[str, str], precision: Any, compiled: bool, turn: str
) -> tuple[SeparateResult, dict[str, Any]]:
    """One song, and its stems by name."""
    folder = Path(asked["out"], f"{precision}-{compiled}-{turn}")
    output, scratch = folder / "stems", folder / "scratch"
    output.mkdir(parents=True)
    scratch.mkdir()
    training = yaml.safe_load(Path(asked["config"]).read_text(encoding="utf-8"))["training"]
    target = training.get("target_instrument")
    params = SeparateParams(
        task_id="bench",
        attempt=1,
        mixture_path=asked["song"],
        output_dir=str(output),
        scratch_dir=str(scratch),
        duration_seconds=soundfile.info(asked["song"]).duration,
        piece_seconds=None,
        whole_fits=True,
        model=ModelParams(
            name="model",
            architecture=training["model_type"],
            config_path=asked["config"],
            checkpoint_path=asked["checkpoint"],
            trust_pickle=False,
            lora_checkpoint_peft=None,
            lora_checkpoint_loralib=None,
            precision=precision,
            compile=compiled,
            msst_arguments=[],
        ),
        options=SeparateOptions(
            instruments=[target] if target else list(training["instruments"]),
            use_tta=False,
            extract_instrumental=False,
            output_format="wav",
            pcm_type="FLOAT",
            bigshifts=1,
            num_overlap=None,
            batch_size=None,
        ),
    )
    attempt = Attempt(AttemptKey("bench", 1), Request(1, "separate", None), lambda method, message: None)
    try:
        result = engine.separate(params, attempt)
    finally:
        attempt.end()
    stems = {stem.instrument: soundfile.read(output / stem.filename)[0] for stem in result.stems}
    return result, stems


def agreement(expected: Any, found: Any) -> float | None:
    """In dB; None: the same samples."""
    difference = numpy.square(expected - found).sum()
    return None if difference == 0 else float(10 * numpy.log10(numpy.square(expected).sum() / difference))


if __name__ == "__main__":
    main(*sys.argv[1:])
