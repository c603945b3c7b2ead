"""The players of everything that is neither drums nor bass, by the name the styles call them."""

from __future__ import annotations

from collections.abc import Callable

from training.compose.other import chords, figures, left_hand, lines, riffs, textures
from training.compose.score import Note, Take

Player = Callable[[Take], list[Note]]

PLAYERS: dict[str, Player] = {
    "pad": chords.pad,
    "comp": chords.comp,
    "stabs": chords.stabs,
    "strum": chords.strum,
    "skank": chords.skank,
    "offbeat": chords.offbeat,
    "montuno": figures.montuno,
    "arpeggio": figures.arpeggio,
    "alberti": figures.alberti,
    "sequence": figures.sequence,
    "broken": figures.broken,
    "stride": left_hand.stride,
    "boogie": left_hand.boogie,
    "octaves": left_hand.octaves,
    "oompah": left_hand.oompah,
    "low line": left_hand.low_line,
    "low chords": left_hand.low_chords,
    "melody": lines.melody,
    "counter": lines.counter,
    "runs": lines.runs,
    "thirds": lines.thirds,
    "call": lines.call,
    "power": riffs.power,
    "riff": riffs.riff,
    "section": riffs.section,
    "drone": textures.drone,
    "tremolo": textures.tremolo,
    "percussion": textures.percussion,
    "sweep": textures.sweep,
    "hymn": textures.hymn,
}
