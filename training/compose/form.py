"""The form of a song: its sections, their chords and how full each is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from training.compose.harmony import chord_cycle
from training.compose.score import Meter, Section, Span

SHAPES = ("AABA", "ABAB", "AABB", "ABAC", "ABCA", "AAAA", "ABCD", "AABC")


def sections(
    rng: np.random.Generator, families: tuple[str, ...], meter: Meter, bars: int, flat: bool
) -> list[Section]:
    """The sections that fill `bars`, each of 2 to 8 bars.

    Args:
        rng: where chance comes from.
        families: families of progressions to choose from.
        meter: the metre of the whole song.
        bars: how many bars there are to fill.
        flat: whether every section is about as full as the others.
    """
    key = int(rng.integers(12))
    shape = str(rng.choice(SHAPES))
    plain = int(rng.choice([2, 4, 4, 4, 6, 8]))
    material: dict[str, tuple[str, int]] = {}
    base = float(rng.uniform(0.55, 1.0))
    made: list[Section] = []
    start, left, place = 0.0, bars, 0
    while left > 0:
        label = shape[place % len(shape)]
        length = min(left, plain if left - plain >= 2 else left)
        energy = base if flat else float(np.clip(base + rng.normal(0, 0.22), 0.25, 1.0))
        shift = int(rng.choice([0, 1, 2, 3, 5, -2])) if place and rng.random() < 0.12 else 0
        key = (key + shift) % 12
        family = material.setdefault(label, (str(rng.choice(families)), int(rng.integers(2**31))))
        spans = laid_out(family, key, meter, start, length)
        section = Section(label, start, length, meter, energy, spans, left == length)
        made.append(section)
        start, left, place = section.end, left - length, place + 1
    return made


def laid_out(material: tuple[str, int], key: int, meter: Meter, start: float, bars: int) -> tuple[Span, ...]:
    """The chords of a section: its cycle repeated at one chord a bar, half a bar or two bars."""
    family, seed = material
    rng = np.random.default_rng(seed)
    _, chords = chord_cycle(rng, family, key)
    halves = len(meter.pulses) in (2, 4) and family not in ("blues", "metal") and rng.random() < 0.3
    slow = not halves and rng.random() < (0.5 if family == "modal" else 0.12)
    length = meter.beats / 2 if halves else meter.beats * (2 if slow else 1)
    spans: list[Span] = []
    at, end, place = start, start + bars * meter.beats, 0
    while at < end - 1e-6:
        chord = chords[place % len(chords)]
        spans.append(Span(at, min(length, end - at), chord))
        at, place = at + length, place + 1
    return merged(spans)


def merged(spans: list[Span]) -> tuple[Span, ...]:
    """The spans, neighbours of one chord made one."""
    kept: list[Span] = []
    for span in spans:
        if kept and kept[-1].chord == span.chord:
            kept[-1] = replace(kept[-1], length=kept[-1].length + span.length)
        else:
            kept.append(span)
    return tuple(kept)
