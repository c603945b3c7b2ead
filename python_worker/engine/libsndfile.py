"""libsndfile, held to what was counted of a file, and the only decoder there is in a worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import soundfile

from ..protocol import Failure

SHORTFALL_SECONDS = 0.1
"""What padding of encoders, and the last packet, may make of a count."""
EXCESS_SECONDS, EXCESS_SHARE = 1.0, 0.01
"""More than both of these, and the length was hidden from whoever counted."""


def forbid_other_decoders() -> None:
    """Keep librosa from what it falls back on: audioread.

    That starts whatever is called `ffmpeg` on the PATH, asks for it before any file is opened, and reads 16
    bits.
    """
    try:
        import audioread
    except ImportError:
        return
    # A library that is loaded lazily would overwrite what is set before it is asked for something.
    assert audioread.audio_open
    audioread.available_backends = lambda *_, **__: []
    audioread.audio_open = _refuse


def open_counted(path: Path, duration_seconds: float) -> Any:
    """A `SoundFile` of a file that libsndfile takes to be as long as it was counted.

    Raises:
        Failure: NEEDS_STAGING: it cannot be opened, or is of another length.
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
    """Compare what is decoded with what was counted.

    Raises:
        Failure: INVALID_AUDIO when nothing was decoded; NEEDS_STAGING when sound is missing, or when there is
            more than was admitted.
    """
    if duration_seconds - decoded_seconds > SHORTFALL_SECONDS:
        raise Failure(
            "NEEDS_STAGING",
            f"Only {decoded_seconds:.2f} of {duration_seconds:.2f} seconds of the file can be decoded.",
        )
    if decoded_seconds == 0:
        raise Failure("INVALID_AUDIO", "The file holds no audio.")
    require_not_longer(decoded_seconds, duration_seconds)


def require_not_longer(decoded_seconds: float, duration_seconds: float) -> None:
    """As `require_length`, for a file that is not yet decoded to its end."""
    excess = decoded_seconds - duration_seconds
    if excess > EXCESS_SECONDS and excess > EXCESS_SHARE * duration_seconds:
        raise Failure(
            "NEEDS_STAGING",
            f"The file was counted as {duration_seconds:.2f} seconds and decodes to "
            f"{decoded_seconds:.2f} or more.",
        )


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise Failure("NEEDS_STAGING", "The file cannot be decoded: libsndfile stops in the middle of it.")
