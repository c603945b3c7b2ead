"""A text stream that keeps only the end of what is written."""

from __future__ import annotations

import io

MOST_CHARACTERS = 10_000
"""Enough for the full error output of an argparse parser with very many options."""


class KeptEnd(io.TextIOBase):
    """Replaces stderr and keeps the end of what is written, which may be unlimited."""

    def __init__(self) -> None:
        self._text = ""

    def writable(self) -> bool:
        """Always true."""
        return True

    def write(self, text: str, /) -> int:
        """Append a text, dropping the oldest characters beyond the limit."""
        self._text = (self._text + text[-MOST_CHARACTERS:])[-MOST_CHARACTERS:]
        return len(text)

    def end(self) -> str:
        """The last characters written."""
        return self._text
