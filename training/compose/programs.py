"""The General MIDI instruments: families the styles pick from, and the range each is played in."""

from __future__ import annotations

Programs = tuple[int, ...]

PIANO: Programs = (0, 0, 1, 2, 3)
ELECTRIC_PIANO: Programs = (4, 5, 2, 7)
HARPSICHORD: Programs = (6,)
MALLETS: Programs = (8, 9, 10, 11, 12, 13, 14, 15)
ORGAN: Programs = (16, 17, 18, 19, 20)
REEDS: Programs = (21, 22, 23)
ACOUSTIC_GUITAR: Programs = (24, 25)
CLEAN_GUITAR: Programs = (26, 27, 28, 31)
DRIVEN_GUITAR: Programs = (29, 30)
HIGH_STRINGS: Programs = (40, 41, 48, 49, 44, 45)
LOW_STRINGS: Programs = (42, 43, 48, 49, 44, 45)
ENSEMBLE: Programs = (48, 49, 50, 51)
VOICES: Programs = (52, 53, 54, 85, 91)
BRASS: Programs = (56, 57, 60, 61, 61, 62, 63)
LOW_BRASS: Programs = (57, 58, 60, 61)
SAXES: Programs = (64, 65, 66, 67)
WINDS: Programs = (68, 69, 71, 72, 73)
LOW_WINDS: Programs = (70, 67, 71, 66)
PIPES: Programs = (72, 73, 74, 75, 76, 77, 78, 79)
SYNTH_LEADS: Programs = (80, 81, 82, 83, 84, 85, 86, 87)
SYNTH_PADS: Programs = (88, 89, 90, 91, 92, 93, 94, 95, 50, 51)
SYNTH_EFFECTS: Programs = (96, 97, 98, 99, 100, 101, 102, 103)
ETHNIC: Programs = (104, 105, 106, 107, 108, 109, 110, 111)
PITCHED_PERCUSSION: Programs = (47, 112, 113, 114, 115, 116, 117, 118)
SOUND_EFFECTS: Programs = (119, 120, 121, 122, 123, 124, 125, 126, 127)
ACOUSTIC_BASS: Programs = (32,)
FINGERED_BASS: Programs = (33, 33, 34, 35)
SLAP_BASS: Programs = (36, 37)
SYNTH_BASS: Programs = (38, 39)
ANY_BASS: Programs = tuple(range(32, 40))
ANY_OTHER: Programs = (*range(0, 32), *range(40, 119))

# The range each instrument is written for, where that is narrower than the family's.
RANGES: dict[int, tuple[int, int]] = {
    8: (60, 96),
    9: (72, 103),
    10: (60, 96),
    11: (53, 89),
    12: (45, 91),
    13: (60, 98),
    14: (55, 80),
    15: (48, 84),
    22: (60, 88),
    40: (55, 96),
    41: (48, 84),
    42: (36, 72),
    43: (28, 55),
    44: (36, 88),
    45: (36, 88),
    46: (28, 96),
    47: (36, 57),
    55: (36, 72),
    56: (54, 84),
    57: (38, 70),
    58: (26, 58),
    59: (54, 84),
    60: (36, 77),
    61: (36, 84),
    62: (36, 84),
    63: (36, 84),
    64: (56, 88),
    65: (49, 82),
    66: (42, 76),
    67: (36, 69),
    68: (58, 91),
    69: (52, 81),
    70: (34, 72),
    71: (50, 89),
    72: (74, 105),
    73: (60, 96),
    74: (60, 91),
    75: (60, 91),
    76: (55, 88),
    77: (55, 84),
    78: (64, 96),
    79: (58, 88),
    104: (43, 79),
    105: (48, 86),
    106: (50, 84),
    107: (48, 86),
    108: (53, 89),
    109: (55, 81),
    110: (55, 91),
    111: (58, 84),
    112: (60, 96),
    114: (48, 84),
    115: (40, 84),
    116: (36, 72),
    117: (36, 76),
    118: (36, 76),
}
FAMILY_RANGES = (
    (24, 100), (53, 96), (31, 96), (40, 84), (28, 67), (28, 96), (31, 88), (36, 86),
    (40, 88), (48, 96), (36, 98), (31, 88), (36, 91), (43, 86), (40, 88), (40, 80),
)  # fmt: skip


def range_of(program: int) -> tuple[int, int]:
    """Lowest and highest key that `program` (0 to 127) is written for."""
    return RANGES.get(program, FAMILY_RANGES[program // 8])
