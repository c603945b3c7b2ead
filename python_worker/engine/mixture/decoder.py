"""Decodes with MSST's own librosa, and checks the result before the network gets it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy
import soundfile

from ...protocol import Failure
from ..msst.failures import explain, without_paths
from ..msst.model_config import is_mono
from .libsndfile import open_counted, require_length
from .mixture_file import MixtureFile, decode_to_file
from .prepared_mixture import PreparedMixture


class Decoder:
    """Replaces `librosa.load` during one separation.

    Args:
        librosa: MSST's own, which decodes.
        duration_seconds: the length as probed; the decoded mixture must match it.
        on_decoded: called with the mixture's length in samples, before the network starts.
        before_block: called before each block of a mixture that is decoded to disk; may raise to cancel.
        prepared: may hold the mixture, decoded in advance.
        source: the mixture's real path; MSST is given a link to it.

    Attributes:
        mixture: the network's input, float32 of shape (channels, samples); None until it is decoded.
        sample_rate: of the mixture.
        failure: why decoding failed. Kept here because upstream MSST swallows every exception of
            librosa.load and ends as if it had succeeded.
    """

    def __init__(
        self,
        librosa: ModuleType,
        duration_seconds: float,
        on_decoded: Callable[[int], None],
        before_block: Callable[[], None],
        prepared: PreparedMixture,
        source: Path,
    ) -> None:
        self.mixture: numpy.ndarray[Any, Any] | None = None
        self.sample_rate = 0
        self.failure: Failure | None = None
        self._librosa = librosa
        self._duration_seconds = duration_seconds
        self._on_decoded = on_decoded
        self._before_block = before_block
        self._prepared = prepared
        self._path = source
        self._config: Any = None

    name = "mixture"
    """The name of the only file in the input folder, without its suffix."""
    is_last = True
    """Always true: there is only one file."""

    def prepare(self, config: Any) -> None:
        """Set the model's YAML, which says how many channels the network takes."""
        self._config = config

    def load(self, path: Any, *arguments: Any, **options: Any) -> tuple[Any, Any]:
        """Replaces librosa.load: checks the mixture and gives it the network's number of channels."""
        try:
            ahead = self._prepared.take(self._path, arguments, options)
            if ahead is None:
                # Check the length that libsndfile reports before decoding into memory.
                open_counted(self._path, self._duration_seconds).close()
            audio, sample_rate = ahead or self._librosa.load(path, *arguments, **options)
            mixture = self._with_channels_of_the_model(audio)
            require_length(mixture.shape[-1] / sample_rate, self._duration_seconds)
            _require_finite(mixture)
        except Exception as error:
            self.failure = _decoding_failure(error)
            raise self.failure from error
        self.mixture, self.sample_rate = mixture, int(sample_rate)
        self._on_decoded(mixture.shape[-1])
        return mixture, sample_rate

    def decode_to_file(self, path: Path, sample_rate: int, into: Path) -> MixtureFile:
        """Decode and check a mixture block by block to disk, if it is too long for memory."""
        try:
            with open_counted(path, self._duration_seconds) as source:
                mixture = decode_to_file(source, sample_rate, into, self._checked, self._duration_seconds)
        except Exception as error:
            self.failure = _decoding_failure(error)
            raise self.failure from error
        return mixture

    def _checked(self, audio: Any) -> Any:
        self._before_block()
        changed = self._with_channels_of_the_model(audio)
        _require_finite(changed)
        return changed

    def _with_channels_of_the_model(self, audio: Any) -> Any:
        # MSST duplicates mono only if the YAML has num_channels; stock YAMLs of stereo models lack it.
        if audio.ndim == 1:
            audio = audio[numpy.newaxis, :]
        channels = audio.shape[0]
        if channels > 2:
            raise Failure("INVALID_AUDIO", f"The mixture has {channels} channels; one or two are allowed.")
        if is_mono(self._config):
            return audio if channels == 1 else audio.mean(axis=0, keepdims=True, dtype=audio.dtype)
        return audio if channels == 2 else numpy.repeat(audio, 2, axis=0)


def warm_up_decoding(librosa: ModuleType) -> None:
    """Decode and resample a moment of silence: the first time in a process takes seconds for imports."""
    silence = io.BytesIO()
    soundfile.write(silence, numpy.zeros((100, 2), numpy.float32), 8000, format="WAV")
    silence.seek(0)
    librosa.load(silence, sr=44100, mono=False)


def _require_finite(audio: Any) -> None:
    if not numpy.isfinite(audio).all():
        raise Failure("INVALID_AUDIO", "The file contains samples that are not finite numbers.")


def _decoding_failure(error: Exception) -> Failure:
    failure = explain(error, is_loading=False, model_name="")
    if failure.kind != "SEPARATION_FAILED":
        return failure
    if isinstance(error, soundfile.SoundFileError):
        return Failure("NEEDS_STAGING", "The file cannot be decoded: it is damaged.", failure.traceback)
    reason = " ".join(without_paths(str(error)).split())[:200] or type(error).__name__
    return Failure("INVALID_AUDIO", f"The file cannot be decoded: {reason}", failure.traceback)
