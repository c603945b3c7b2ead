"""Orchestral, keyboard and ambient music, often without drums or bass."""

from __future__ import annotations

from training.compose import programs as gm
from training.compose.styles.style import Role, Style

STYLES = (
    Style(
        "orchestra", 1.6, (60, 150), ("functional", "modal", "metal"), ("orchestral", "march"),
        ("long", "root fifth", "pedal"), (32, 32, 33),
        (
            Role("melody", (40, 48, 56, 60, 68, 71, 73, 49), "high", 2.2),
            Role("section", (48, 49, 61, 60, 56), "middle", 1.3),
            Role("low line", (42, 43, 43, 48, 70, 58), "bottom", 2.5),
            Role("octaves", (48, 43, 45, 57, 42), "bottom", 1.2),
            Role("tremolo", (44, 48, 49, 45, 12), "middle", 1.5),
            Role("hymn", (48, 49, 60, 61, 52), "tenor", 1.3),
            Role("pad", (48, 49, 52, 60, 50), "middle", 1.6),
            Role("percussion", (47, 47, 116, 117, 14), "low", 1.6),
            Role("sweep", (46,), "middle", 0.6),
            Role("arpeggio", (46, 45, 48, 68, 71), "middle", 1.0),
            Role("runs", (40, 48, 72, 73, 71), "high", 1.0),
            Role("stabs", (55, 61, 48, 45), "middle", 0.9),
            Role("counter", (42, 60, 70, 71, 41), "tenor", 1.4),
            Role("low chords", (57, 58, 60, 61, 48), "low", 1.0),
            Role("thirds", (60, 68, 73, 71, 40), "high", 0.8),
        ),
        feel="legato", meters=("4/4", "4/4", "3/4", "6/8", "5/4", "7/8"), kits=(48, 48, 0), percussion=0.1,
        parts=(3, 8), drums=0.55, bass=0.3,
    ),
    Style(
        "action", 0.9, (110, 180), ("metal", "modal", "functional"), ("orchestral", "march", "rock", "hands"),
        ("eighths", "sixteenths", "pedal", "made up"), (32, 33, 38, 39),
        (
            Role("riff", (48, 43, 42, 57, 45), "bottom", 2.2),
            Role("octaves", (48, 43, 58, 57), "bottom", 1.5),
            Role("section", (61, 60, 56), "middle", 1.8),
            Role("percussion", (116, 47, 117), "low", 1.6),
            Role("tremolo", (44, 48), "middle", 1.2),
            Role("runs", (48, 72, 40), "high", 1.0),
            Role("stabs", (55, 61, 48), "middle", 1.2),
            Role("pad", (52, 53, 48), "middle", 1.0),
            Role("melody", (56, 60, 48, 61), "high", 1.5),
            Role("power", (29, 30), "bottom", 0.6),
            Role("sequence", (45, 81, 48), "tenor", 1.0),
        ),
        feel="drive", meters=("4/4", "4/4", "4/4", "6/8", "5/4", "7/8"), kits=(48, 16, 0), percussion=0.3,
        parts=(3, 8), drums=0.85, bass=0.5,
    ),
    Style(
        "classical piano", 0.7, (66, 160), ("functional",), ("brushes", "orchestral"), ("long", "root fifth"), (32, 33),
        (
            Role("alberti", (0, 6, 1, 0), "tenor", 2.0),
            Role("broken", (0, 46, 6), "low", 1.8),
            Role("octaves", (0, 19, 6), "bottom", 1.4),
            Role("melody", (0, 6, 40, 73, 0), "high", 2.0),
            Role("thirds", (0, 6, 48), "high", 1.0),
            Role("runs", (0, 6, 8), "high", 1.0),
            Role("low line", (0, 6, 42, 70), "bottom", 1.8),
            Role("hymn", (19, 20, 0), "tenor", 1.0),
            Role("stride", (0, 6), "bottom", 0.8),
        ),
        feel="legato", meters=("4/4", "3/4", "6/8"), kits=(48, 40), percussion=0.0, parts=(2, 4), drums=0.25, bass=0.3,
    ),
    Style(
        "ambient", 0.8, (50, 100), ("modal", "pop"), ("hip hop", "hands", "ballad"), ("long", "pedal", "arpeggio"),
        (35, 39, 38, 32),
        (
            Role("pad", (*gm.SYNTH_PADS, *gm.VOICES, *gm.ENSEMBLE), "middle", 2.5),
            Role("drone", (89, 95, 43, 48, 90, 42), "bottom", 1.6),
            Role("arpeggio", (*gm.SYNTH_EFFECTS, 8, 10, 11, 46, 88), "high", 1.8),
            Role("melody", (*gm.PIPES, 0, 11, 52, 85, 91), "high", 1.5),
            Role("broken", (0, 24, 46, 5), "low", 1.3),
            Role("low chords", (89, 95, 48, 19, 52), "low", 1.2),
            Role("counter", (42, 60, 85, 77), "tenor", 1.0),
            Role("sweep", (96, 97, 98, 102, 122, 9), "high", 0.5),
            Role("percussion", (112, 114, 108, 116), "middle", 0.6),
        ),
        feel="legato", kits=(0, 25, 24, 48), percussion=0.4, parts=(1, 5), drums=0.6, bass=0.65,
    ),
    Style(
        "horror", 0.5, (50, 120), ("metal", "functional", "modal"), ("orchestral", "hands"), ("long", "pedal", "made up"),
        (32, 35, 39),
        (
            Role("drone", (43, 48, 95, 44, 89, 57), "bottom", 2.0),
            Role("tremolo", (44, 44, 48, 45), "middle", 1.6),
            Role("low line", (43, 42, 70, 71, 0, 58), "bottom", 1.6),
            Role("pad", (52, 91, 95, 101, 99, 53), "middle", 1.4),
            Role("arpeggio", (8, 10, 11, 46, 98), "high", 1.2),
            Role("stabs", (55, 61, 0, 48), "low", 1.0),
            Role("percussion", (47, 116, 115, 117, 118), "low", 1.2),
            Role("melody", (8, 68, 79, 77, 71, 40), "high", 1.2),
            Role("sweep", (119, 122, 97, 46, 125), "middle", 0.5),
        ),
        feel="legato", kits=(48, 0, 24), percussion=0.2, parts=(2, 6), drums=0.5, bass=0.4,
    ),
)  # fmt: skip
