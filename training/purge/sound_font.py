"""The samples of a sound font, where they lie in its file."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from training.command import CommandError

# Bytes of a sample's header, and of a chunk's.
HEADER = 46
CHUNK = 8
# A bit of the type of a sample that lies in a chip's memory, not in the file.
IN_ROM = 0x8000
# Where the data of a chunk are that a file has not.
NONE = (0, 0)


@dataclass(frozen=True)
class Sample:
    """A sample of a sound font.

    Attributes:
        name: as the font tells it.
        first: which of the font's 16-bit values is its first.
        end: which comes after its last.
    """

    name: str
    first: int
    end: int


@dataclass(frozen=True)
class SoundFont:
    """A sound font of uncompressed samples, read whole.

    Attributes:
        content: its bytes.
        values: where the 16-bit values of all samples begin and end in it.
        low_bytes: where the third bytes of 24-bit samples do, if it has any.
        samples: what it holds.
    """

    content: bytes
    values: tuple[int, int]
    low_bytes: tuple[int, int]
    samples: list[Sample]

    def bytes_of(self, sample: Sample) -> bytes:
        """The 16-bit values of a sample, little-endian."""
        return self.content[self.values[0] + 2 * sample.first : self.values[0] + 2 * sample.end]


def read_sound_font(path: Path) -> SoundFont:
    """Read an .sf2 file (SoundFont Technical Specification 2.04, chapters 4 to 7).

    Raises:
        CommandError: it is not there, no sound font, or a compressed one.
        OSError: it cannot be read.
    """
    if not path.is_file():
        raise CommandError(f"{path} is not there.")
    content = path.read_bytes()
    if content[:4] != b"RIFF" or content[8:12] != b"sfbk":
        raise CommandError(f"{path} is no sound font. Give an .sf2 file.")
    lists = [place for name, place in chunks_of(content, 12, len(content)) if name == b"LIST"]
    chunks = dict(chunk for first, end in lists for chunk in chunks_of(content, first + 4, end))
    if b"smpl" not in chunks or b"shdr" not in chunks:
        raise CommandError(f"{path} is broken, or a compressed sound font. Give an .sf2 file.")
    values, low_bytes = chunks[b"smpl"], chunks.get(b"sm24", NONE)
    count = (values[1] - values[0]) // 2
    # As players do: what is too short for all samples counts for none.
    low_bytes = low_bytes if low_bytes[1] - low_bytes[0] >= count else NONE
    return SoundFont(content, values, low_bytes, list(samples_of(content, *chunks[b"shdr"], limit=count)))


def chunks_of(content: bytes, position: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Where the data of each chunk begin and end, of the file's own or of a list's."""
    while position + CHUNK <= end:
        name, size = struct.unpack_from("<4sI", content, position)
        first, last = position + CHUNK, min(position + CHUNK + size, end)
        yield name, (first, last)
        # Chunks begin at even places.
        position = last + size % 2


def samples_of(content: bytes, position: int, end: int, *, limit: int) -> Iterator[Sample]:
    """The samples that the headers between two places tell of; the last header ends the list.

    Args:
        limit: how many values the font has.
    """
    for header in range(position, end - 2 * HEADER + 1, HEADER):
        name, first, last, kind = struct.unpack_from("<20sII16xH", content, header)
        if not kind & IN_ROM and first < last <= limit:
            yield Sample(name.split(b"\0")[0].decode("latin-1"), first, last)
