"""Bands: rock, metal, ballads, funk, blues, boogie, reggae, easy listening."""

from __future__ import annotations

from training.compose import programs as gm
from training.compose.styles.style import Role, Style

SOLOISTS = (*gm.SAXES, *gm.SYNTH_LEADS, *gm.WINDS, 22, 29, 30, 26, 56, 11, 0, 16)

STYLES = (
    Style(
        "rock", 1.3, (90, 180), ("rock", "pop"), ("rock",), ("eighths", "pattern", "root fifth", "made up", "melodic"),
        (33, 34, 33, 34, 35, 38),
        (
            Role("power", gm.DRIVEN_GUITAR, "low", 2.0),
            Role("strum", (*gm.CLEAN_GUITAR, *gm.ACOUSTIC_GUITAR), "middle", 1.5),
            Role("riff", (29, 30, 27, 28, 81), "low", 1.5),
            Role("comp", (*gm.PIANO, *gm.ORGAN, *gm.ELECTRIC_PIANO), "middle", 1.3),
            Role("melody", SOLOISTS, "high", 1.5),
            Role("octaves", (*gm.PIANO, 16, 18), "bottom", 0.7),
            Role("pad", (*gm.ENSEMBLE, *gm.ORGAN, *gm.VOICES), "middle", 1.0),
            Role("call", SOLOISTS, "high", 0.8),
            Role("low chords", (*gm.ORGAN, 0, 29), "low", 0.6),
            Role("thirds", (29, 30, 27), "middle", 0.5),
        ),
        feel="drive", kits=(0, 16, 8, 0), parts=(2, 6),
    ),
    Style(
        "metal", 0.8, (90, 200), ("metal", "rock"), ("metal", "rock"), ("eighths", "sixteenths", "made up", "pedal"),
        (33, 34, 34, 35),
        (
            Role("power", gm.DRIVEN_GUITAR, "bottom", 3.0),
            Role("power", gm.DRIVEN_GUITAR, "low", 2.0),
            Role("riff", gm.DRIVEN_GUITAR, "bottom", 2.0),
            Role("runs", (29, 30, 81, 18), "high", 1.0),
            Role("thirds", gm.DRIVEN_GUITAR, "high", 1.0),
            Role("melody", (29, 30, 81, 53), "high", 1.2),
            Role("pad", (*gm.ENSEMBLE, *gm.VOICES, 19), "middle", 0.8),
            Role("arpeggio", (6, 27, 30, 80), "middle", 0.6),
        ),
        feel="drive", kits=(16, 0, 16), parts=(2, 5),
    ),
    Style(
        "ballad", 1.0, (54, 96), ("pop", "functional", "jazz"), ("ballad",),
        ("long", "root fifth", "pattern", "melodic", "arpeggio"), (32, 33, 35, 35, 39),
        (
            Role("broken", (*gm.PIANO, 24, 25, 46, 4, 5), "low", 2.5),
            Role("pad", (*gm.ENSEMBLE, *gm.SYNTH_PADS, *gm.VOICES), "middle", 1.8),
            Role("melody", (*SOLOISTS, 40, 73, 68, 71), "high", 2.0),
            Role("comp", (*gm.PIANO, *gm.ELECTRIC_PIANO), "middle", 1.2),
            Role("counter", (42, 48, 60, 71, 40, 52), "tenor", 1.2),
            Role("low line", (42, 43, 48), "bottom", 0.8),
            Role("octaves", gm.PIANO, "bottom", 0.9),
            Role("arpeggio", (24, 46, 8, 10, 88), "high", 0.8),
            Role("strum", gm.ACOUSTIC_GUITAR, "middle", 0.8),
        ),
        meters=("4/4", "4/4", "6/8", "3/4"), kits=(0, 8, 40), percussion=0.1, drums=0.8,
    ),
    Style(
        "funk", 0.9, (88, 126), ("funk", "blues"), ("funk", "disco"),
        ("slap", "pattern", "octaves", "made up", "melodic"), (36, 37, 33, 36, 38),
        (
            Role("comp", (27, 28, 7, 28, 4), "middle", 2.0),
            Role("section", (*gm.BRASS, 65, 66), "middle", 1.6),
            Role("stabs", (*gm.BRASS, 55, 16), "middle", 1.3),
            Role("riff", (7, 28, 27, 62, 81, 67), "low", 1.6),
            Role("pad", (*gm.ENSEMBLE, 16, 4, 90), "middle", 1.0),
            Role("melody", (65, 66, 56, 80, 81, 26, 73), "high", 1.0),
            Role("call", (*gm.BRASS, 28, 16), "high", 1.0),
            Role("octaves", (0, 2, 7, 62), "low", 0.5),
        ),
        feel="funk", swing=(0.0, 0.0, 0.15), swing_unit=0.5, kits=(0, 16, 8, 24), percussion=0.4, parts=(2, 6),
    ),
    Style(
        "blues", 1.0, (60, 140), ("blues",), ("shuffle", "ballad", "rock"),
        ("walking", "boogie", "pattern", "two feel"), (32, 33, 33, 34),
        (
            Role("boogie", (0, 0, 1, 3, 27, 29, 16), "bottom", 1.8),
            Role("comp", (*gm.PIANO, *gm.ORGAN, 26, 27), "middle", 1.6),
            Role("melody", (22, 26, 27, 29, 65, 66, 0, 16), "high", 1.8),
            Role("call", (22, 27, 29, 66, 56, 0), "high", 1.2),
            Role("section", (*gm.BRASS, *gm.SAXES), "middle", 0.9),
            Role("riff", (27, 29, 0, 67, 66), "low", 1.0),
            Role("stride", (0, 3), "bottom", 0.6),
            Role("low chords", (16, 18, 0), "low", 0.6),
        ),
        feel="swing", swing=(0.33, 0.3, 0.25, 0.0), kits=(0, 32, 8), parts=(1, 5), bass=0.8,
    ),
    Style(
        "boogie-woogie", 0.9, (110, 190), ("blues",), ("shuffle", "swing", "train"),
        ("walking", "boogie", "eighths"), (32, 33, 32, 34),
        (
            Role("boogie", (0, 0, 0, 1, 3, 2), "bottom", 4.0),
            Role("comp", (0, 0, 1, 3), "middle", 1.8),
            Role("melody", (0, 0, 3, 66, 22, 27), "high", 1.6),
            Role("riff", (0, 3, 66, 67, 57), "tenor", 1.2),
            Role("tremolo", (0, 3, 17), "middle", 0.8),
            Role("section", (*gm.BRASS, *gm.SAXES), "middle", 0.9),
            Role("octaves", (0, 3), "bottom", 0.8),
        ),
        feel="swing", swing=(0.33, 0.3, 0.2, 0.0), kits=(0, 32, 40), percussion=0.05, parts=(2, 4), drums=0.75,
        bass=0.55,
    ),
    Style(
        "reggae", 0.7, (66, 96), ("pop", "modal", "functional"), ("reggae",),
        ("pattern", "made up", "melodic", "tumbao"), (33, 34, 32, 35),
        (
            Role("skank", (27, 28, 16, 17, 0, 2), "middle", 3.0),
            Role("comp", (16, 17, 18), "middle", 1.4),
            Role("melody", (22, 56, 66, 73, 80, 16, 75), "high", 1.3),
            Role("section", (*gm.BRASS, 66), "middle", 1.0),
            Role("riff", (28, 26, 0), "low", 1.3),
            Role("pad", (16, 48, 52), "middle", 0.7),
            Role("low line", (57, 67, 28), "low", 0.6),
        ),
        swing=(0.0, 0.15, 0.3), percussion=0.4, kits=(0, 8),
    ),
    Style(
        "ska", 0.4, (120, 180), ("pop", "functional"), ("train", "reggae", "rock"), ("walking", "eighths", "root fifth"),
        (32, 33, 34),
        (
            Role("skank", (27, 0, 16, 17), "middle", 3.0),
            Role("section", (56, 57, 61, 65, 66), "middle", 2.0),
            Role("melody", (56, 57, 65, 66, 16), "high", 1.5),
            Role("riff", (57, 67, 66, 28), "low", 1.0),
            Role("stabs", gm.BRASS, "middle", 1.0),
        ),
        swing=(0.0, 0.0, 0.2),
    ),
    Style(
        "easy listening", 1.0, (76, 132), ("jazz", "pop", "functional", "latin"),
        ("ballad", "latin", "brushes", "rock", "disco"), ("root fifth", "tumbao", "two feel", "pattern", "melodic"),
        (32, 33, 35, 33),
        (
            Role("melody", (*gm.WINDS, *gm.MALLETS, *gm.SAXES, 24, 26, 40, 48, 56, 60, 79, 21), "high", 2.2),
            Role("comp", (*gm.ELECTRIC_PIANO, *gm.PIANO, 24, 26, 11), "middle", 1.8),
            Role("pad", (*gm.ENSEMBLE, *gm.VOICES), "middle", 1.6),
            Role("counter", (48, 42, 60, 57, 71, 66), "tenor", 1.3),
            Role("thirds", (48, 52, 73, 56, 11), "high", 1.0),
            Role("strum", gm.ACOUSTIC_GUITAR, "middle", 1.0),
            Role("broken", (0, 24, 46, 4), "low", 1.2),
            Role("sweep", (46, 8, 14), "high", 0.3),
            Role("low line", (42, 43, 58, 70), "bottom", 0.6),
        ),
        feel="latin", swing=(0.0, 0.0, 0.2, 0.33), percussion=0.3, kits=(0, 8, 40, 32), parts=(2, 6),
    ),
)  # fmt: skip
