"""What a worker makes of the same song with the same models.

served.py PROJECT CHECKOUT FOLDER PCM_TYPE ARCHITECTURE…

Prints a line of JSON for each: the architecture, and why its stems are not those made by hand; where none
were made, what the server says of it.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy
import soundfile
import torch


def main(project: Path, root: Path, folder: Path, pcm_type: str, architectures: list[str]) -> None:
    """Separate with every one, cold and warm, and compare."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    torch.set_num_threads(1)
    sys.path += [str(project), str(Path(__file__).parent)]
    from downloads import build_without_downloads

    from python_worker.checkout.model_types import loader_of
    from python_worker.checkout.needs import needs_of
    from python_worker.engine import Engine

    engine = Engine(root, "cpu")
    missing: Any = needs_of(root, loader_of(engine.namespace["get_model_from_config"]))["missing"]
    for architecture in architectures:
        answer: dict[str, Any] = {"architecture": architecture, "why": None, "difference": 0.0}
        try:
            if missing.get(architecture):
                raise ModuleNotFoundError(f"unavailable from the start: {', '.join(missing[architecture])}")
            build_without_downloads(architecture)
            for times in ("cold", "warm"):
                stems = folder / times / architecture
                separate(engine, folder, architecture, stems, pcm_type)
                difference = compare(folder / "by hand" / architecture, stems)
                answer["difference"] = max(answer["difference"], difference)
            engine.unload()
        except BaseException as error:
            answer["why"] = str(error)[:300]
        print(json.dumps(answer), file=answers, flush=True)


def separate(engine: Any, folder: Path, architecture: str, stems: Path, pcm_type: str) -> None:
    """One task."""
    from python_worker.attempt import Attempt, AttemptKey
    from python_worker.process.rpc import Request
    from python_worker.protocol import ModelParams, SeparateOptions, SeparateParams

    stems.mkdir(parents=True)
    model = ModelParams(
        name=architecture,
        architecture=architecture,
        config_path=str(folder / f"{architecture}.yaml"),
        checkpoint_path=str(folder / f"{architecture}.ckpt"),
        trust_pickle=False,
        lora_checkpoint_peft=None,
        lora_checkpoint_loralib=None,
        precision="fp32",
        compile=False,
        msst_arguments=[],
    )
    song = folder / "songs" / "song.wav"
    params = SeparateParams(
        task_id=architecture,
        attempt=1,
        mixture_path=str(song),
        output_dir=str(stems),
        scratch_dir=str(folder),
        duration_seconds=soundfile.info(song).duration,
        piece_seconds=None,
        whole_fits=True,
        model=model,
        options=SeparateOptions(
            instruments=outputs_of(Path(model.config_path)),
            use_tta=False,
            extract_instrumental=False,
            output_format=container_of(folder / "by hand" / architecture),
            pcm_type=pcm_type,
            bigshifts=1,
            num_overlap=None,
            batch_size=None,
        ),
    )
    attempt = Attempt(AttemptKey(architecture, 1), Request(1, "separate", None), lambda method, message: None)
    try:
        engine.separate(params, attempt)
    finally:
        attempt.end()


def container_of(by_hand: Path) -> str:
    """Of the stems made by hand: libsndfile rounds floats for FLAC otherwise than for WAV."""
    endings = {path.suffix for path in by_hand.rglob("*") if path.suffix in (".wav", ".flac")}
    return "flac" if endings == {".flac"} else "wav"


def outputs_of(config_path: Path) -> list[str]:
    """The stems that a model has."""
    import yaml

    training = yaml.load(config_path.read_text(encoding="utf-8"), Loader=yaml.FullLoader)["training"]
    target = training.get("target_instrument")
    return [target] if target else list(training["instruments"])


def compare(by_hand: Path, served: Path) -> float:
    """The greatest difference of two samples.

    Raises:
        ValueError: they have not the same stems.
    """
    plain = {
        re.sub(r"^song_", "", path.stem): path
        for path in by_hand.rglob("*")
        if path.suffix in (".wav", ".flac")
    }
    ours = {path.stem: path for path in served.iterdir()}
    if set(plain) != set(ours):
        raise ValueError(f"by hand it makes {', '.join(sorted(plain))}, served {', '.join(sorted(ours))}")
    difference = 0.0
    for name, path in plain.items():
        expected, found = (
            soundfile.read(one, dtype="float32", always_2d=True)[0] for one in (path, ours[name])
        )
        if expected.shape != found.shape:
            raise ValueError(f"{name} is of another shape")
        if not expected.any():
            raise ValueError(f"{name} is silent: there is nothing to compare")
        difference = max(difference, float(numpy.abs(expected - found).max()))
    return difference


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4], sys.argv[5:])
