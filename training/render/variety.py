"""How a stem sounds otherwise than its font alone would let it."""

from __future__ import annotations

from dataclasses import dataclass

import mido
import numpy as np

from training.render.channels import channels_of, of_channels
from training.render.enlarged import enlarged
from training.render.fading import faded
from training.render.notes import notes_of
from training.render.recordings import NO_INSTRUMENTS, Instruments
from training.render.strange import play_strange
from training.render.synthesizer import Font

# dB; how much softer or louder than what it stands for a changed instrument of `other` may be.
SOFTER, LOUDER = -9.0, 5.0


@dataclass(frozen=True)
class Variety:
    """How often a song sounds otherwise than its font alone would let it.

    Attributes:
        resized: the chance of each stem that its instruments are larger or smaller (`training.render.body`).
        computed: the chance that its bass is of no font (`training.render.strange`).
        enlarged: the chance that another is a plucked instrument, larger (`training.render.enlarged`).
        faded: the chance that a bass of a font dies away sooner (`training.render.fading`).
        computed_others: the chance of each instrument of `other` that it is of no font.
        enlarged_others: the chance of each other one of them that a larger, plucked one stands for it.
        seed: of the collection and the song.
        instruments: recorded ones, some of what is of no font (`training.render.recordings`).
    """

    resized: float = 0.0
    computed: float = 0.0
    enlarged: float = 0.0
    faded: float = 0.0
    computed_others: float = 0.0
    enlarged_others: float = 0.0
    seed: tuple[int, ...] = (0,)
    instruments: Instruments = NO_INSTRUMENTS


def varied_bass(font: Font, part: mido.MidiFile, variety: Variety, rng: np.random.Generator) -> np.ndarray:
    """The bass, perhaps with an instrument of its own or shorter notes; as loud on the whole as the font's.

    Args:
        font: what plays it.
        part: its notes.
        variety: how likely it is to be varied.
        rng: where chance comes from.

    Returns:
        float32 (samples, 2) at 44.1 kHz.

    Raises:
        CommandError: a recording is no sound, or its samples are no numbers.
        OSError: a recording cannot be read.
    """
    samples = made = font(part)
    if rng.random() < variety.computed:
        made = play_strange(part, rng, variety.instruments.bass)
    else:
        # Without a share no draw: what a seed gave before there was one, it gives still.
        if variety.enlarged and rng.random() < variety.enlarged:
            made = enlarged(font, part, rng)
        if rng.random() < variety.faded:
            made = faded(made, part, rng)
    return made * np.float32(power(samples) / max(1e-9, power(made)))


def varied_others(font: Font, part: mido.MidiFile, variety: Variety, rng: np.random.Generator) -> np.ndarray:
    """The others, some perhaps with instruments of their own; arguments, result and errors of `varied_bass`.

    A network for which every unknown sound is a bass takes the others' for one: they have to be strange, too,
    and large.
    """
    channels = channels_of(part)
    strange = some(channels, variety.computed_others, rng)
    larger = some([channel for channel in channels if channel not in strange], variety.enlarged_others, rng)
    changed = strange + larger
    if not changed:
        return font(part)
    familiar = [channel for channel in channels if channel not in changed]
    # What the font makes of the rest tells how loud the changed ones have to be; of all, if nothing is left.
    known = of_channels(part, familiar or channels)
    heard = font(known)
    loudness = power(heard) / max(1e-9, weight(known))
    mixed = heard if familiar else np.zeros((0, 2), np.float32)
    for channel in changed:
        own = of_channels(part, [channel])
        if channel in strange:
            made = play_strange(own, rng, variety.instruments.other)
        else:
            made = enlarged(font, own, rng)
        level = loudness * weight(own) / max(1e-9, power(made)) * 10 ** (rng.uniform(SOFTER, LOUDER) / 20)
        mixed = added(mixed, made * (level * sides(rng)).astype(np.float32))
    return mixed


def some(channels: list[int], share: float, rng: np.random.Generator) -> list[int]:
    """Each of them with the same chance; without a share no draw."""
    return [channel for channel in channels if share and rng.random() < share]


def sides(rng: np.random.Generator) -> np.ndarray:
    """How loud a sound is on the left and on the right, (2,), from a place between them."""
    angle = rng.uniform(0.25, 0.75) * np.pi / 2
    return np.sqrt(2) * np.array([np.cos(angle), np.sin(angle)])


def power(samples: np.ndarray) -> float:
    """Root of the energy of a sound."""
    return float(np.sqrt(np.sum(np.square(samples, dtype=np.float64))))


def weight(part: mido.MidiFile) -> float:
    """What `power` of a part would be if every note were as loud as its velocity while it is held."""
    return float(
        np.sqrt(sum((note.end - note.start) * (note.velocity / 127) ** 2 for note in notes_of(part)))
    )


def added(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Two sounds at once, as long as the longer."""
    length = max(len(one), len(other))
    return sum(np.pad(samples, ((0, length - len(samples)), (0, 0))) for samples in (one, other))
