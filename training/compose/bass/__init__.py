"""The bass: lines by the name the styles call them."""

from __future__ import annotations

from collections.abc import Callable

from training.compose.bass import grooves, walking
from training.compose.score import Note, Take

LINES: dict[str, Callable[[Take], list[Note]]] = {
    "eighths": grooves.eighths,
    "sixteenths": grooves.sixteenths,
    "pattern": grooves.pattern,
    "made up": grooves.invented,
    "octaves": grooves.octaves,
    "root fifth": grooves.root_fifth,
    "long": grooves.long_notes,
    "pedal": grooves.pedal,
    "slap": grooves.slap,
    "offbeat": grooves.offbeat,
    "tumbao": grooves.tumbao,
    "arpeggio": grooves.arpeggio,
    "acid": grooves.acid,
    "walking": walking.walking,
    "two feel": walking.two_feel,
    "boogie": walking.boogie,
    "melodic": walking.melodic,
}
