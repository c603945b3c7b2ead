"""Lower precision on the networks of the msst package that install everywhere: small ones, random weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
import yaml
from separating import Run, agreement, engine_of, instruments_of, mixture, starter_with

from python_worker.protocol import ModelParams

pytestmark = pytest.mark.filterwarnings("ignore")


def small_model(architecture: str, folder: Path) -> ModelParams:
    """A network of that architecture of the msst package, with random weights."""
    from msst.utils.settings import get_model_from_config

    roformer = {"dim": 16, "depth": 1, "stereo": True, "num_stems": 2, "dim_head": 8, "heads": 2}
    networks = {
        "bs_roformer": {**roformer, "time_transformer_depth": 1, "freq_transformer_depth": 1},
        "mel_band_roformer": {**roformer, "num_bands": 8},
        "scnet": {
            "sources": ["vocals", "other"],
            "audio_channels": 2,
            "dims": [4, 8, 16, 32],
            "num_dplayer": 2,
        },
    }
    model = starter_with(
        folder,
        audio__chunk_size=44032,
        training__model_type=architecture,
        training__instruments=["vocals", "other"],
    )
    path = Path(model.config_path)
    config = {**yaml.safe_load(path.read_text(encoding="utf-8")), "model": networks[architecture]}
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    torch.manual_seed(1)
    torch.save(get_model_from_config(architecture, str(path))[0].state_dict(), folder / "small.ckpt")
    return dataclasses.replace(model, architecture=architecture, checkpoint_path=str(folder / "small.ckpt"))


def has_bf16_lstm() -> bool:
    """Whether torch has an LSTM in bf16 for this CPU: oneDNN has one only for some."""
    try:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            torch.nn.LSTM(8, 8)(torch.zeros(4, 1, 8))
    except RuntimeError:
        return False
    return True


@pytest.mark.parametrize("network", ["bs_roformer", "mel_band_roformer", "scnet"])
def test_every_architecture_that_installs_runs_in_bf16(network: str, tmp_path: Path) -> None:
    if network == "scnet" and not has_bf16_lstm():
        pytest.skip("this CPU computes no LSTM in bf16, as SCNet needs it")
    model = small_model(network, tmp_path / "model")
    song = mixture(tmp_path / "song.wav", seconds=1.5)
    with engine_of("package") as engine:
        whole = Run(tmp_path / "fp32", song, model)
        expected = whole.on(engine)
        run = Run(tmp_path / "bf16", song, dataclasses.replace(model, precision="bf16"))
        result = run.on(engine)
    for instrument in instruments_of(model):
        assert 25 < agreement(whole.stem(expected, instrument), run.stem(result, instrument)) < 100
