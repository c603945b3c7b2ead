"""The page itself."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>What the model does</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
td, th { padding: 0.4rem; text-align: left; vertical-align: top; }
img { display: block; width: 100%; height: 5rem; border-radius: 4px; }
audio { width: 100%; margin-top: 0.3rem; }
</style>
<h1>What the model does</h1>
"""


@dataclass(frozen=True)
class Sound:
    """Something to hear: its label, and the names of its two files without their endings."""

    label: str
    file: str


@dataclass(frozen=True)
class Row:
    """What stands side by side: a stem as it was played, and as the model gives it."""

    label: str
    sounds: tuple[Sound, ...]


def page_of(songs: dict[str, tuple[Row, ...]], introduction: str) -> str:
    """The HTML of the page.

    Args:
        songs: rows by the song's name.
        introduction: a sentence on what is heard.
    """
    return (
        HEAD
        + f"<p>{escape(introduction)}</p>\n"
        + "".join(song_of(name, rows) for name, rows in songs.items())
    )


def song_of(name: str, rows: tuple[Row, ...]) -> str:
    """One song's table."""
    lines = "".join(
        f"<tr><th>{escape(row.label)}</th>{''.join(cell_of(sound) for sound in row.sounds)}</tr>\n"
        for row in rows
    )
    return f"<h2>{escape(name)}</h2>\n<table>\n{lines}</table>\n"


def cell_of(sound: Sound) -> str:
    """A picture and a player."""
    label, file = escape(sound.label), escape(sound.file)
    return (
        f'<td>{label}<img src="{file}.png" alt="Spectrogram: {label}">'
        f'<audio controls preload="none" src="{file}.mp3"></audio></td>'
    )
