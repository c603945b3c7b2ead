"""Effects on one stem: float32 (samples, 2) at 44.1 kHz in, the same shape out."""

from __future__ import annotations

import io

import numpy as np
import soundfile
import soxr
from scipy import signal

from training.command import CommandError
from training.stems import SAMPLE_RATE


def equalise(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One to three bands, each lifted or lowered by up to 9 dB."""
    for _ in range(rng.integers(1, 4)):
        hertz = float(np.exp(rng.uniform(np.log(60), np.log(12_000))))
        numerator, denominator = peak_filter(
            hertz, decibel=float(rng.uniform(-9, 9)), q=float(rng.uniform(0.4, 1.5))
        )
        samples = signal.lfilter(numerator, denominator, samples, axis=0)
    return samples.astype(np.float32)


def peak_filter(hertz: float, decibel: float, q: float) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of a peaking equaliser (Robert Bristow-Johnson, Audio EQ Cookbook)."""
    amplitude = 10 ** (decibel / 40)
    omega = 2 * np.pi * hertz / SAMPLE_RATE
    alpha = np.sin(omega) / (2 * q)
    cosine = -2 * np.cos(omega)
    numerator = np.array([1 + alpha * amplitude, cosine, 1 - alpha * amplitude])
    denominator = np.array([1 + alpha / amplitude, cosine, 1 - alpha / amplitude])
    return numerator / denominator[0], denominator / denominator[0]


def saturate(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A soft clipper, driven 3 to 18 dB above the stem's loudest tenth; the level stays."""
    level = float(np.quantile(np.abs(samples), 0.99))
    if level == 0:
        return samples
    drive = 10 ** (rng.uniform(3, 18) / 20) / level
    bent = np.tanh(samples * drive * 0.5)
    return (bent * (rms(samples) / (rms(bent) + 1e-9))).astype(np.float32)


def reverberate(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A room of noise that dies away in 0.2 to 2 s, darker than the stem, 6 to 20 dB below it."""
    seconds = float(rng.uniform(0.2, 2.0))
    length = round(seconds * SAMPLE_RATE)
    decay = 10 ** (-3 * np.arange(length) / length)
    room = rng.standard_normal((length, 2)) * decay[:, None]
    room = signal.lfilter(*signal.butter(1, rng.uniform(1500, 9000), fs=SAMPLE_RATE), room, axis=0)
    room /= np.sqrt((room**2).sum(axis=0))
    wet = signal.oaconvolve(samples, room, axes=0)[: len(samples)]
    return (samples + wet * 10 ** (rng.uniform(-20, -6) / 20)).astype(np.float32)


def place(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another width (0: mono, 1: as it was) and another place between the loudspeakers."""
    middle = samples.mean(axis=1, keepdims=True)
    widened = middle + (samples - middle) * rng.uniform(0, 1.5)
    angle = np.pi / 4 * (1 + rng.uniform(-0.6, 0.6))
    return (widened * np.sqrt(2) * np.array([np.cos(angle), np.sin(angle)])).astype(np.float32)


def change_speed(samples: np.ndarray, factor: float) -> np.ndarray:
    """Play `factor` times as fast: pitch, tempo and timbre move together."""
    return soxr.resample(samples, SAMPLE_RATE * factor, SAMPLE_RATE, quality="MQ").astype(np.float32)


def damage(samples: np.ndarray, quality: float) -> np.ndarray:
    """What is left after an MP3 encoder.

    Args:
        samples: the stem.
        quality: libsndfile's compression level, 0 (best) to 1 (worst).

    Raises:
        CommandError: libsndfile was built without MP3.
    """
    if "MP3" not in soundfile.available_formats():
        raise CommandError(
            "libsndfile cannot write MP3 here. Install soundfile 0.12 or later, or use --damaged 0."
        )
    file = io.BytesIO()
    soundfile.write(file, samples, SAMPLE_RATE, format="MP3", compression_level=quality)
    file.seek(0)
    heard = soundfile.read(file, dtype="float32", always_2d=True)[0]
    return np.pad(heard[: len(samples)], ((0, max(0, len(samples) - len(heard))), (0, 0)))


def rms(samples: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
