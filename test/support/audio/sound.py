"""What is to be heard, as samples, and the register of what can be made of it."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


@dataclass(frozen=True)
class Sound:
    """What is to be heard: tones, another in every channel, with a burst of noise twice a second."""

    seconds: float = 3.0
    rate: int = 44100
    channels: int = 2
    bitrate: int = 128_000

    @property
    def samples(self) -> int:
        """The number of samples a channel."""
        return round(self.seconds * self.rate)


Maker = Callable[[Sound], bytes]
MAKERS: dict[str, Maker] = {}


def kind(name: str) -> Callable[[Maker], Maker]:
    """Registers the decorated function as the maker of KIND `name`."""

    def register(maker: Maker) -> Maker:
        MAKERS[name] = maker
        return maker

    return register


@cache
def _one_second(rate: int, channels: int) -> array[float]:
    noise = random.Random(7)
    samples = array("f", bytes(4 * rate * channels))
    for channel in range(channels):
        low, high = 110 * (channel + 1), 440 + 55 * channel
        for index in range(rate):
            time = index / rate
            burst = math.exp(-40 * (time % 0.5)) * noise.uniform(-0.4, 0.4)
            tone = 0.3 * math.sin(2 * math.pi * low * time) + 0.15 * math.sin(2 * math.pi * high * time)
            samples[index * channels + channel] = tone + burst
    return samples


def floats(sound: Sound) -> array[float]:
    """The interleaved samples, within full scale."""
    if sound.rate > 1_000_000 or sound.rate < 1000 or sound.channels > 16:
        # Only the header of such a file matters; noise would take long to make.
        return array("f", bytes(4 * sound.samples * sound.channels))
    second = _one_second(sound.rate, sound.channels)
    whole, rest = divmod(sound.samples, sound.rate)
    return second * whole + second[: rest * sound.channels]


def shorts(sound: Sound) -> bytes:
    """The interleaved samples as little-endian 16-bit PCM."""
    return array("h", (round(32767 * value) for value in floats(sound))).tobytes()
