"""Restricts a worker to decoding by libsndfile, and checks decoded lengths against the counted ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import soundfile

from ...protocol import Failure

SHORTFALL_SECONDS = 0.1
"""Tolerance for encoder padding and the last packet."""
EXCESS_SECONDS, EXCESS_SHARE = 1.0, 0.01
"""A file that exceeds its counted length by more than both hides its real length."""


def forbid_other_decoders() -> None:
    """Disable librosa's fallback decoder, audioread.

    It runs any `ffmpeg` on the PATH, once before it opens any file to see whether there is one, and decodes
    to 16 bits.
    """
    try:
        import audioread
    except ImportError:
        return
    # Access it first: a lazily loaded module would overwrite attributes that are set before it is loaded.
    assert audioread.audio_open
    audioread.available_backends = lambda *_, **__: []
    audioread.audio_open = _refuse


def open_counted(path: Path, duration_seconds: float) -> Any:
    """Open a `SoundFile`, and check that libsndfile reports the counted length.

    Raises:
        Failure: NEEDS_STAGING if it cannot be opened or has another length.
    """
    try:
        file = soundfile.SoundFile(path)
    except soundfile.SoundFileError as error:
        raise Failure("NEEDS_STAGING", "The file cannot be decoded: libsndfile does not open it.") from error
    try:
        require_length(file.frames / file.samplerate, duration_seconds)
    except Failure:
        file.close()
        raise
    return file


def require_length(decoded_seconds: float, duration_seconds: float) -> None:
    """Check the decoded length against the counted one.

    Raises:
        Failure: INVALID_AUDIO when nothing was decoded; NEEDS_STAGING when it is too short or too long.
    """
    if duration_seconds - decoded_seconds > SHORTFALL_SECONDS:
        raise Failure(
            "NEEDS_STAGING",
            f"Only {decoded_seconds:.2f} of {duration_seconds:.2f} seconds of the file can be decoded.",
        )
    if decoded_seconds == 0:
        raise Failure("INVALID_AUDIO", "The file contains no audio.")
    require_not_longer(decoded_seconds, duration_seconds)


def require_not_longer(decoded_seconds: float, duration_seconds: float) -> None:
    """Like `require_length`, for a file that has not been decoded to its end."""
    excess = decoded_seconds - duration_seconds
    if excess > EXCESS_SECONDS and excess > EXCESS_SHARE * duration_seconds:
        raise Failure(
            "NEEDS_STAGING",
            f"The file was counted as {duration_seconds:.2f} seconds and decodes to "
            f"{decoded_seconds:.2f} or more.",
        )


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise Failure("NEEDS_STAGING", "The file cannot be decoded: libsndfile stops in the middle of it.")
