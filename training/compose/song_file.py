"""A composed song as a file."""

from __future__ import annotations

from pathlib import Path

from training.compose.song import compose_song
from training.whole import whole_file


def write_song(
    path: Path, seed: int, index: int, seconds: float, clear: float, loops: float, accompanied: float
) -> None:
    """Compose one song into `path`; it appears there whole or not at all.

    Args:
        path: the .mid file to make.
        seed: which collection of songs.
        index: which of them.
        seconds: about how long it is.
        clear: how likely it is that the bass is alone in its register.
        loops: how likely it is that it is a song of loops.
        accompanied: how likely it is that MMA plays drums, bass and chords.

    Raises:
        CommandError: MMA is to play and is not installed, or could not.
        OSError: when it cannot be written (no room, no right).
    """
    with whole_file(path) as temporary:
        compose_song(seed, index, seconds, clear=clear, loops=loops, accompanied=accompanied).save(temporary)
