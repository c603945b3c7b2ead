"""One song composed by rule, from its style to its MIDI file."""

from __future__ import annotations

from dataclasses import replace

import mido
import numpy as np

from training.compose.accompaniment import accompanied_song
from training.compose.arrangement import arranged
from training.compose.form import sections
from training.compose.loops import loop_song
from training.compose.midi_file import Tempo, midi_file
from training.compose.performance import Feel, performed, swung
from training.compose.score import METERS, Meter, Section
from training.compose.styles import STYLES, Style


def compose_song(
    seed: int, index: int, seconds: float, *, clear: float = 0, loops: float = 0, accompanied: float = 0
) -> mido.MidiFile:
    """Compose a song; the same arguments give the same song, to the byte.

    Args:
        seed: which collection of songs; not negative.
        index: which song of it; not negative.
        seconds: how long it is to last, to the bar (at least two of them).
        clear: how likely it is that nothing else plays as low as the bass, or what another part plays.
        loops: how likely it is that the song is of no style, but of loops (`loop_song`).
        accompanied: how likely it is that MMA plays drums, bass and chords of it (`accompanied_song`).

    Returns:
        An SMF of type 1: a conductor track, then a track for each part, drums on channel 10 (index 9), the
        bass on programs 32 to 39, everything else on other programs.

    Raises:
        CommandError: MMA is to play and is not installed, or could not.
    """
    rng = np.random.default_rng([seed, index])
    # From chances of their own, so that all other songs of the collection stay what they are.
    is_clear, is_loops, is_accompanied = (
        bool(np.random.default_rng([seed, index, number]).random() < share)
        for number, share in ((1, clear), (2, loops), (3, accompanied))
    )
    if is_accompanied:
        return accompanied_song(rng, seconds)
    if is_loops:
        return loop_song(rng, seconds)
    style = chosen_style(rng)
    meter = METERS[str(rng.choice(style.meters))]
    bpm = float(rng.uniform(*style.tempo))
    bars = max(2, round(seconds * bpm / 60 / meter.beats))
    planned = sections(rng, style.families, meter, bars, bool(rng.random() < 0.3))
    parts = arranged(rng, style, planned, clear=is_clear)
    feel = chosen_feel(rng, style)
    crowd = (
        sum(note.length for part in parts if part.stem == "other" for note in part.notes) / planned[-1].end
    )
    for part in parts:
        performed(rng, part, feel, planned, crowd)
    end = swung(planned[-1].end, feel)
    tempo = Tempo(meter, tempo_changes(rng, bpm, meter, planned, feel.rigid))
    return midi_file(parts, tempo, end)


def chosen_style(rng: np.random.Generator) -> Style:
    """A style, by their weights; one song in eight is a cross of several."""
    weights = np.array([style.weight for style in STYLES])
    picked = [STYLES[int(i)] for i in rng.choice(len(STYLES), 4, p=weights / weights.sum())]
    return crossed(picked) if rng.random() < 0.12 else picked[0]


def crossed(styles: list[Style]) -> Style:
    """The first of four styles with the drums of the second, the bass of the third and everybody's roles."""
    first, second, third, _ = styles
    return replace(
        first,
        name="+".join(style.name for style in styles),
        grooves=second.grooves,
        kits=second.kits,
        percussion=second.percussion,
        lines=third.lines,
        basses=third.basses,
        roles=tuple(role for style in styles for role in style.roles),
        parts=(2, 8),
    )


def chosen_feel(rng: np.random.Generator, style: Style) -> Feel:
    """How the song is played: tight, loose or as a machine would."""
    rigid = bool(rng.random() < 0.3)
    loose = float(rng.choice([0.003, 0.006, 0.012, 0.02]))
    swing = float(rng.choice(style.swing))
    return Feel(swing, style.swing_unit, loose, float(rng.uniform(3, 11)), rigid)


def tempo_changes(
    rng: np.random.Generator, bpm: float, meter: Meter, planned: list[Section], rigid: bool
) -> tuple[tuple[float, float], ...]:
    """The tempo bar by bar: steady, drifting, or slowing down at the end."""
    drifting = not rigid and rng.random() < 0.35
    slowing = rng.random() < 0.15
    changes = [(0.0, bpm)]
    pace = bpm
    last = planned[-1].end - meter.beats
    for section in planned:
        for bar in section.bar_starts():
            if drifting and bar:
                pace = float(np.clip(pace * (1 + rng.normal(0, 0.008)), bpm * 0.94, bpm * 1.06))
                changes.append((bar, pace))
    if slowing:
        changes += [(last + i * meter.beats / 4 + 0.01, pace * (1 - 0.07 * (i + 1))) for i in range(4)]
    return tuple(changes)
