"""A test run: an MSST separates one second of noise with our own network before it gets any task."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy
import soundfile
import torch

from ..attempt import Attempt, AttemptKey
from ..process.rpc import Request
from ..protocol import Failure, ModelParams, SeparateOptions, SeparateParams
from .engine import Engine
from .msst.names import replaced_names

SAMPLE_RATE = 44100
GAINS = {"vocals": 0.5, "other": -0.25}
"""The network's gain by stem. They come from its checkpoint; its initial gains are 0."""
TOLERANCE = 1e-4
ARCHITECTURE = "mdx23c"
"""A type that every MSST knows and treats like most others."""
CONFIG = f"""\
audio: {{chunk_size: 8192, dim_t: 16, hop_length: 512, n_fft: 2048, num_channels: 2,
  sample_rate: {SAMPLE_RATE}}}
model: {{stereo: true}}
training: {{instruments: [{", ".join(GAINS)}], target_instrument: null, use_amp: false}}
inference: {{batch_size: 2, dim_t: 16, num_overlap: 2}}
"""


class GainNetwork(torch.nn.Module):  # type: ignore[misc] # torch is seen as Any
    """Outputs the mixture once per stem, each at the stem's gain."""

    def __init__(self) -> None:
        super().__init__()
        self.gains = torch.nn.Parameter(torch.zeros(len(GAINS)))

    def forward(self, mixture: torch.Tensor) -> torch.Tensor:
        """Map (batch, channels, samples) to (batch, stems, channels, samples)."""
        return mixture[:, None] * self.gains[None, :, None, None]


def rehearse(engine: Engine) -> None:
    """Have an engine load that network and separate with it, and again (with TTA) while it is loaded.

    Raises:
        Failure: with the reason; SEPARATION_FAILED also if the stems have wrong samples.
    """
    with TemporaryDirectory(prefix="msst-serve-") as name:
        folder = Path(name)
        noise = numpy.random.default_rng(1).uniform(-0.5, 0.5, (SAMPLE_RATE, 2)).astype(numpy.float32)
        soundfile.write(folder / "noise.wav", noise, SAMPLE_RATE, subtype="FLOAT")
        (folder / "model.yaml").write_text(CONFIG, encoding="utf-8")
        torch.save({"gains": torch.tensor(list(GAINS.values()))}, folder / "model.ckpt")
        with replaced_names([(engine.namespace, "get_model_from_config", _network_of_ours)]):
            for times, use_tta in enumerate((False, True)):
                stems = folder / f"stems-{times}"
                stems.mkdir()
                _separate(engine, folder, stems, use_tta=use_tta)
                for instrument, gain in GAINS.items():
                    _compare(stems / f"{instrument}.wav", noise * gain)
        engine.unload()


def _network_of_ours(_architecture: str, config_path: str) -> tuple[torch.nn.Module, Any]:
    import yaml
    from ml_collections import ConfigDict

    return GainNetwork(), ConfigDict(yaml.safe_load(Path(config_path).read_text(encoding="utf-8")))


def _separate(engine: Engine, folder: Path, stems: Path, *, use_tta: bool) -> None:
    model = ModelParams(
        name="noise",
        architecture=ARCHITECTURE,
        config_path=str(folder / "model.yaml"),
        checkpoint_path=str(folder / "model.ckpt"),
        trust_pickle=False,
        lora_checkpoint_peft=None,
        lora_checkpoint_loralib=None,
        precision="fp32",
        compile=False,
        msst_arguments=[],
    )
    options = SeparateOptions(
        instruments=list(GAINS),
        use_tta=use_tta,
        extract_instrumental=False,
        output_format="wav",
        pcm_type="FLOAT",
        bigshifts=1,
        num_overlap=None,
        batch_size=None,
    )
    params = SeparateParams(
        task_id="rehearsal",
        attempt=1,
        mixture_path=str(folder / "noise.wav"),
        output_dir=str(stems),
        scratch_dir=str(folder),
        duration_seconds=1.0,
        piece_seconds=None,
        whole_fits=True,
        model=model,
        options=options,
    )
    attempt = Attempt(AttemptKey("rehearsal", 1), Request(1, "separate", None), lambda method, message: None)
    try:
        engine.separate(params, attempt)
    finally:
        attempt.end()


def _compare(stem: Path, expected: Any) -> None:
    found, rate = soundfile.read(stem, dtype="float32", always_2d=True)
    if (
        rate == SAMPLE_RATE
        and found.shape == expected.shape
        and numpy.abs(found - expected).max() <= TOLERANCE
    ):
        return
    raise Failure("SEPARATION_FAILED", "Its output differs from that of its network.")
