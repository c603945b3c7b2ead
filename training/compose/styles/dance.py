"""Electronic and dance music: techno, trance, synth pop, drum and bass, chiptune, hip hop, disco."""

from __future__ import annotations

from training.compose import programs as gm
from training.compose.styles.style import Role, Style

STYLES = (
    Style(
        "techno", 1.0, (118, 150), ("modal", "pop"), ("techno", "electro"),
        ("offbeat", "acid", "sixteenths", "pedal", "octaves"), (38, 39, 38, 39, 37),
        (
            Role("sequence", (80, 81, 87, 62, 84, 99, 7), "middle", 2.2),
            Role("stabs", (81, 62, 55, 90, 0, 17, 63), "middle", 1.4),
            Role("pad", gm.SYNTH_PADS, "middle", 1.6),
            Role("arpeggio", (*gm.SYNTH_LEADS, 98), "high", 1.6),
            Role("melody", gm.SYNTH_LEADS, "high", 1.0),
            Role("riff", (87, 81, 62, 30), "bottom", 1.2),
            Role("low line", (81, 87, 90, 95), "bottom", 0.9),
            Role("tremolo", (81, 90, 80), "middle", 0.6),
            Role("sweep", (97, 96, 99, 119), "high", 0.4),
        ),
        feel="drive", kits=(24, 25, 24, 16), percussion=0.3, parts=(1, 5), bass=0.9,
    ),
    Style(
        "trance", 0.8, (126, 145), ("pop", "modal"), ("techno",), ("offbeat", "octaves", "eighths", "sixteenths"),
        (38, 39),
        (
            Role("arpeggio", (81, 80, 90, 62, 84, 88), "high", 2.5),
            Role("pad", (*gm.SYNTH_PADS, 81, 52), "middle", 2.0),
            Role("comp", (81, 62, 90), "middle", 1.6),
            Role("melody", (80, 81, 84, 0, 98), "high", 1.6),
            Role("sequence", (81, 87, 80), "tenor", 1.4),
            Role("octaves", (0, 81, 62), "low", 0.7),
        ),
        feel="drive", kits=(24, 25, 16), percussion=0.3,
    ),
    Style(
        "synth pop", 0.9, (84, 140), ("pop", "modal", "rock"), ("electro", "rock", "disco"),
        ("eighths", "arpeggio", "octaves", "acid", "pattern"), (38, 39, 38, 33),
        (
            Role("pad", gm.SYNTH_PADS, "middle", 1.6),
            Role("arpeggio", (*gm.SYNTH_LEADS, 4, 5, 98), "middle", 1.8),
            Role("melody", (80, 81, 62, 82, 85, 10), "high", 1.6),
            Role("comp", (62, 63, 5, 81, 50), "middle", 1.6),
            Role("power", (29, 30), "low", 0.7),
            Role("riff", (87, 81, 63), "low", 1.3),
            Role("sequence", (81, 80, 99), "tenor", 1.2),
            Role("low line", (81, 87, 50), "bottom", 0.7),
        ),
        kits=(24, 25, 16), percussion=0.25,
    ),
    Style(
        "drum and bass", 0.7, (155, 180), ("modal", "jazz"), ("breaks",), ("long", "made up", "pedal", "acid"),
        (38, 39, 35, 33),
        (
            Role("pad", gm.SYNTH_PADS, "middle", 2.0),
            Role("comp", (4, 5, 0, 16), "middle", 1.3),
            Role("melody", (80, 81, 73, 66, 11, 53), "high", 1.2),
            Role("sequence", (81, 80, 98, 12), "middle", 1.5),
            Role("riff", (87, 81, 84), "bottom", 1.3),
            Role("stabs", (55, 81, 62), "middle", 1.0),
        ),
        kits=(24, 25, 0, 16), percussion=0.3, parts=(1, 5),
    ),
    Style(
        "chiptune", 1.0, (100, 190), ("pop", "functional", "modal", "rock"), ("electro", "rock", "march", "techno"),
        ("eighths", "octaves", "arpeggio", "acid", "melodic", "walking"), (38, 39, 33, 38),
        (
            Role("melody", (80, 80, 81, 82, 79, 9), "high", 2.5),
            Role("arpeggio", (80, 80, 81, 87, 12, 13), "middle", 2.2),
            Role("thirds", (80, 81), "high", 1.2),
            Role("counter", (80, 82, 81), "tenor", 1.2),
            Role("octaves", (80, 81, 87), "low", 1.2),
            Role("low line", (80, 82, 87, 81), "bottom", 1.2),
            Role("runs", (80, 81), "high", 0.8),
            Role("alberti", (80, 82), "tenor", 1.0),
        ),
        kits=(24, 25, 0, 8), percussion=0.1, parts=(2, 4), bass=0.75,
    ),
    Style(
        "hip hop", 0.7, (68, 104), ("funk", "modal", "jazz"), ("hip hop",), ("made up", "pattern", "long", "acid"),
        (38, 39, 33, 36, 32),
        (
            Role("comp", (4, 0, 5, 11, 26), "middle", 1.8),
            Role("riff", (0, 11, 46, 45, 24, 81), "tenor", 1.6),
            Role("stabs", (48, 55, 61, 45), "middle", 1.2),
            Role("pad", (*gm.ENSEMBLE, *gm.VOICES, 89), "middle", 1.4),
            Role("melody", (73, 80, 52, 75, 66), "high", 1.1),
            Role("low chords", (0, 43, 48), "low", 0.9),
            Role("low line", (42, 43, 45, 57), "bottom", 0.7),
        ),
        feel="funk", swing=(0.0, 0.15, 0.25), swing_unit=0.5, kits=(25, 24, 0, 8), percussion=0.3, parts=(1, 4),
    ),
    Style(
        "disco", 0.7, (108, 132), ("funk", "pop", "jazz"), ("disco",), ("octaves", "pattern", "melodic", "eighths"),
        (33, 36, 34, 38, 37),
        (
            Role("comp", (27, 28, 4, 0, 7), "middle", 2.0),
            Role("section", (48, 61, 56), "high", 1.6),
            Role("runs", (48, 50, 40), "high", 1.0),
            Role("stabs", (61, 48, 55, 62), "middle", 1.3),
            Role("pad", (48, 50, 52), "middle", 1.2),
            Role("melody", (48, 65, 81, 73), "high", 1.4),
            Role("octaves", (0, 7, 2), "low", 0.8),
            Role("low line", (57, 42, 67), "low", 0.5),
        ),
        feel="funk", kits=(0, 24, 25, 8), percussion=0.5, parts=(2, 7),
    ),
)  # fmt: skip
