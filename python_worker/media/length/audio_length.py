"""The amount of audio in a file, as counted and as declared by its header."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AudioLength:
    """The length of a file, in samples per channel.

    Attributes:
        samples: the samples counted in the file.
        declared: the samples declared by the file; None if nothing declared would reveal a truncation.
        staging_reason: why MSST's decoder would not read all of it; None if counting shows no reason.
    """

    samples: int
    declared: int | None = None
    staging_reason: str | None = None
