"""A song as a folder of stems, the layout that MSST's own training reads."""

from __future__ import annotations

from pathlib import Path

from training.command import CommandError

STEMS = ("drums", "bass", "other")
SAMPLE_RATE = 44_100


def stem_path(song: Path, stem: str) -> Path:
    """Where a song's folder holds one of its stems."""
    return song / f"{stem}.wav"


def songs_in(folder: Path) -> list[Path]:
    """The song folders in `folder` that hold every stem, by name.

    Raises:
        CommandError: there is none.
    """
    songs = [
        song
        for song in sorted(folder.glob("[!.]*"))
        if song.is_dir() and all(stem_path(song, stem).is_file() for stem in STEMS)
    ]
    if not songs:
        expected = ", ".join(f"{stem}.wav" for stem in STEMS)
        raise CommandError(f"{folder} holds no song: a song is a folder with {expected}.")
    return songs
