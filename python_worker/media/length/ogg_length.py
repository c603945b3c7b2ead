"""Counts the samples of an Ogg file from its packets and the positions of its pages."""

from __future__ import annotations

from typing import BinaryIO

from ...protocol import Failure
from ..formats.ogg_streams import Link, Streams
from ..limits import Deadline
from .audio_length import AudioLength

LOST = "MSST's decoder joins what is left around a lost or damaged Ogg page"
SEVERAL = "MSST's decoder reads only the first of the Ogg streams in it"
LATE = "MSST's decoder does not say that the Ogg begins in its middle"
ODD = "MSST's decoder believes the positions in the Ogg, which do not fit its packets"


def measure(file: BinaryIO, deadline: Deadline) -> AudioLength:
    """Measures an open Ogg file, including lost pages. A truncated file is not detected: nothing is declared.

    Raises:
        Failure: INVALID_AUDIO if more than half is lost.
    """
    streams = Streams(file, deadline)
    links: list[Link] = []
    is_odd = is_torn = False
    for page in streams.sound_pages():
        if not links or page.link is not links[-1]:
            links.append(page.link)
        is_odd = is_odd or page.is_odd
        is_torn = is_torn or page.is_torn
    if not links:
        return AudioLength(0)
    lost_seconds = sum(link.lost / link.packets.rate for link in links) + streams.cut_seconds
    seconds = sum(link.seconds for link in links) + streams.cut_seconds
    if lost_seconds > seconds / 2:
        raise Failure(
            "INVALID_AUDIO",
            f"The file is damaged: of its {seconds:.1f} s only {seconds - lost_seconds:.1f} s are there.",
        )
    samples = round(seconds * links[0].packets.rate)
    if is_torn or streams.cut_seconds:
        return AudioLength(samples, staging_reason=LOST)
    if streams.count > 1:
        return AudioLength(samples, staging_reason=SEVERAL)
    if is_odd:
        return AudioLength(samples, staging_reason=ODD)
    return AudioLength(samples, staging_reason=LATE if links[0].late else None)
