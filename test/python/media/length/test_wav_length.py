"""How many samples a WAV holds."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import BinaryIO

import pytest
from wav_bytes import DATA, PLAIN, SOUND, chunk, form, header_of, wav

from python_worker.media.length import wav_length
from python_worker.media.length.audio_length import AudioLength
from python_worker.media.limits import Deadline
from python_worker.protocol import Failure

Opening = Callable[[bytes], BinaryIO]


def length_of(file: BinaryIO) -> AudioLength:
    return wav_length.measure(file, header_of(file), Deadline())


@pytest.mark.parametrize(
    ("content", "length"),
    [
        (PLAIN, AudioLength(50)),
        (PLAIN[:-1], AudioLength(49)),
        (wav(form(2, bits=4, block=64, more=struct.pack("<HH", 2, 500)), DATA), AudioLength(1500)),
        (
            wav(form(), chunk(b"data", SOUND, length=0)),
            AudioLength(50, None, "MSST's decoder believes the length 0 in the WAV header"),
        ),
        (
            PLAIN + PLAIN,
            AudioLength(
                50,
                None,
                "MSST's decoder reads only the first of several pieces of sound in the WAV",
            ),
        ),
    ],
)
def test_the_samples_of_a_wav_are_those_that_are_there(
    file_of: Opening, content: bytes, length: AudioLength
) -> None:
    assert length_of(file_of(content)) == length


def test_mp3_in_a_wav_is_counted_from_where_its_frames_begin(file_of: Opening) -> None:
    frame = b"\xff\xfb\x90\0".ljust(417, b"\x55")
    assert length_of(file_of(wav(form(0x55, bits=0), chunk(b"data", frame * 5)))) == AudioLength(5 * 1152)


@pytest.mark.parametrize("more", [b"", struct.pack("<HH", 2, 0)])
def test_packets_of_unknown_length_cannot_be_counted(file_of: Opening, more: bytes) -> None:
    with pytest.raises(Failure) as refused:
        length_of(file_of(wav(form(2, bits=4, block=64, more=more), DATA)))
    assert refused.value.kind == "INVALID_AUDIO"
    assert refused.value.message == "The WAV header does not say how its samples are packed."
