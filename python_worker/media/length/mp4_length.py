"""Counts the samples of an MP4 file by its sample tables, if the data they refer to is really there."""

from __future__ import annotations

from av.audio.stream import AudioStream
from av.container import InputContainer

from ..decoding.decoder import Look, refusing_what_cannot_be_read
from ..limits import Deadline
from .audio_length import AudioLength

REASON = "MSST's decoder cannot read MP4 audio"


def measure(file: InputContainer, stream: AudioStream, head: Look, deadline: Deadline) -> AudioLength:
    """Measures an open MP4 file, of which `head` has been decoded."""
    if head.samples == 0:
        return AudioLength(0)
    declared = _declared(stream, head, deadline)
    if declared is not None and _reaches(file, stream, declared / head.sample_rate, head, deadline):
        return AudioLength(declared, declared, REASON)
    return AudioLength(_count(file, stream, head, deadline), declared, REASON)


def _declared(stream: AudioStream, head: Look, deadline: Deadline) -> int | None:
    """The number of samples by the tables; None for a fragmented file, which has a table per fragment."""
    if stream.frames == 0:
        return None
    by_packets = stream.frames * head.samples_per_packet
    if stream.duration is None or stream.time_base is None:
        return by_packets
    # The times are exact but may be forged, so they are cross-checked against the number of packets.
    by_times = round(stream.duration * stream.time_base * head.sample_rate)
    edited = abs(len(stream.index_entries) - stream.frames) * head.samples_per_packet
    if edited <= head.sample_rate and abs(by_times - by_packets) <= max(head.sample_rate, by_packets // 100):
        return by_times
    # An edit list may skip or repeat packets, and may begin and end within one.
    by_packets = _played_packets(stream, deadline) * head.samples_per_packet
    return by_times if abs(by_times - by_packets) <= 2 * head.samples_per_packet else by_packets


def _played_packets(stream: AudioStream, deadline: Deadline) -> int:
    played = 0
    for number, entry in enumerate(stream.index_entries):
        played += not entry.is_discard
        if number % 1024 == 0:
            deadline.check()
    return played


def _reaches(
    file: InputContainer, stream: AudioStream, seconds: float, head: Look, deadline: Deadline
) -> bool:
    """Whether the last packets in the tables lie within the file."""
    assert stream.time_base is not None
    end = 0
    with refusing_what_cannot_be_read():
        file.seek(max(0, int((seconds - 1) / stream.time_base)), stream=stream)
        try:
            for packet in file.demux(stream):
                deadline.check()
                if packet.size and packet.pts is not None and not packet.is_corrupt:
                    end = packet.pts + (packet.duration or 0)
        except OSError:
            return False
    return float(end * stream.time_base) >= seconds - 2 * head.samples_per_packet / head.sample_rate


def _count(file: InputContainer, stream: AudioStream, head: Look, deadline: Deadline) -> int:
    """Counts the samples of all packets, up to the first that is truncated."""
    file.seek(0, stream=stream)
    packets = 0
    try:
        for packet in file.demux(stream):
            packets += bool(packet.size and not packet.is_corrupt and not packet.is_discard)
            deadline.check()
    except OSError:
        pass
    return packets * head.samples_per_packet
