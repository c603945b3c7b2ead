"""Pictures of sound."""

from __future__ import annotations

from pathlib import Path

import librosa
import matplotlib
import numpy as np

from training.stems import SAMPLE_RATE

matplotlib.use("Agg")
from matplotlib import pyplot


def draw_spectrogram(samples: np.ndarray, path: Path) -> None:
    """Draw the mel spectrogram of some seconds as a PNG, 80 dB deep below full scale.

    Args:
        samples: (2, samples).
        path: the file to write.
    """
    power = librosa.feature.melspectrogram(
        y=samples.mean(0), sr=SAMPLE_RATE, n_fft=4096, hop_length=1024, n_mels=128
    )
    figure = pyplot.figure(figsize=(4, 1.6), dpi=80)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(
        librosa.power_to_db(power, ref=1000, top_db=None), origin="lower", aspect="auto", vmin=-80, vmax=0
    )
    axes.set_axis_off()
    figure.savefig(path, format="png", pil_kwargs={"optimize": True})
    pyplot.close(figure)
