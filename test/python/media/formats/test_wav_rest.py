"""What stands behind the sound of a WAV."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

import pytest
from wav_bytes import DATA, PLAIN, SOUND, chunk, form, header_of, wav

from python_worker.media.formats import wav_header, wav_rest
from python_worker.media.limits import Deadline
from python_worker.protocol import Failure

Opening = Callable[[bytes], BinaryIO]


def test_sound_behind_the_first_is_found_in_a_big_endian_wav_too(file_of: Opening) -> None:
    data = chunk(b"data", SOUND, order=">")
    file = file_of(wav(form(order=">"), data, data, signature=b"RIFX"))
    assert wav_rest.unread_seconds(file, header_of(file), Deadline()) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("rest", "seconds"),
    [
        (b"", 0),
        (b"RIFF", 0),
        (b"some junk that is no chunk at all", 0),
        (chunk(b"LIST", b"tags"), 0),
        (DATA, 0.05),
        (chunk(b"note", b"odd") + DATA, 0.05),
        (DATA + chunk(b"note", b"odd") + DATA, 0.1),
        (DATA[:-100], 0.025),
        (chunk(b"data", SOUND, length=0xFFFFFFFF), 0.05),
        (PLAIN, 0.05),
        (PLAIN + PLAIN, 0.1),
        (wav(form(rate=500), DATA), 0.1),
        (wav(form(rate=500, order=">"), chunk(b"data", SOUND, order=">"), signature=b"RIFX"), 0.1),
        (wav(form(rate=500), DATA, signature=b"RF64"), 0.1),
        (wav(form(rate=0), DATA), 0),
        (wav(chunk(b"fmt ", bytes(15)), DATA), 0.05),
        (wav(chunk(b"fmt ", bytes(8))), 0),
        (b"RIFF\0\0\0\0AVI " + DATA, 0),
    ],
)
def test_sound_behind_the_first_is_told_from_anything_else(
    file_of: Opening, rest: bytes, seconds: float
) -> None:
    file = file_of(PLAIN + rest)
    assert wav_rest.unread_seconds(file, header_of(file), Deadline()) == pytest.approx(seconds)


def test_a_wav_of_odd_length_may_be_joined_with_or_without_padding(file_of: Opening) -> None:
    odd = wav(form(bits=8, channels=1, block=1), chunk(b"data", SOUND[:199]))
    for first in (odd, odd[:-1]):
        file = file_of(first + odd)
        assert wav_rest.unread_seconds(file, header_of(file), Deadline()) == pytest.approx(0.199)


def test_pieces_behind_the_sound_are_looked_at_no_longer_than_the_deadline_allows(file_of: Opening) -> None:
    file = file_of(PLAIN + PLAIN)
    header = header_of(file)
    with pytest.raises(Failure):
        wav_rest.unread_seconds(file, header, Deadline(seconds=-1))
    with pytest.raises(Failure):
        wav_header.read(file, 0, Deadline(seconds=-1))
