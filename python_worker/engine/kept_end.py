"""A place for a text that may have no end."""

from __future__ import annotations

import io

MOST_CHARACTERS = 10_000
"""What an argparse of a great many options says in all."""


class KeptEnd(io.TextIOBase):
    """Stands for stderr, and keeps the end of what is written, which may be without end."""

    def __init__(self) -> None:
        self._text = ""

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, text: str, /) -> int:
        """Take a text, and let go of what is too long ago."""
        self._text = (self._text + text[-MOST_CHARACTERS:])[-MOST_CHARACTERS:]
        return len(text)

    def end(self) -> str:
        """What was written last."""
        return self._text
