"""Who plays when: the parts of a song, and in which of its sections each of them sounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.compose import programs as gm
from training.compose.bass import LINES
from training.compose.drums import drum_section
from training.compose.other import PLAYERS
from training.compose.score import Note, Part, Section, Take
from training.compose.styles import REGISTERS, STYLES, Role, Style

MOST_PARTS = 13
HIGHEST_KEY = 108
# In a clear song, nothing but the bass plays below this key.
CLEAR_OF_BASS = 48
# What a bass is doubled by: left hands, guitars, low strings, brass and winds, organs, synths.
BASS_DOUBLES = (0, 27, 28, 30, 29, 43, 42, 58, 57, 67, 70, 81, 87, 16, 48, 45, 1, 4, 62)


@dataclass(frozen=True)
class Forces:
    """Which stems a song has at all."""

    drums: bool
    bass: bool
    other: bool


def arranged(
    rng: np.random.Generator, style: Style, sections: list[Section], *, clear: bool = False
) -> list[Part]:
    """The parts of a song, their notes on the straight grid.

    Args:
        rng: where chance comes from.
        style: what to play.
        sections: what to play over; at least one part sounds in each of them.
        clear: keep everything else out of the register of the bass, and double nothing.
    """
    forces = chosen_forces(rng, style)
    parts: list[Part] = []
    if forces.other:
        parts += other_parts(rng, style, sections)
    if forces.bass:
        parts += bass_parts(rng, style, sections)
    if clear:
        raise_above_bass(parts)
    elif forces.other:
        parts += doubled(rng, parts)
    if forces.drums:
        parts.append(drum_part(rng, style, sections))
    keep_sounding(rng, parts, sections)
    if rng.random() < 0.3:
        stopped(rng, parts, sections)
    if rng.random() < 0.5:
        closed(parts, sections[-1])
    return [part for part in parts if part.notes]


def chosen_forces(rng: np.random.Generator, style: Style) -> Forces:
    """The stems the song has; never none."""
    # A style's own habit counts only in part: the network has to meet every stem in every surrounding.
    drums = bool(rng.random() < 0.45 + 0.55 * style.drums)
    bass = bool(rng.random() < 0.65 + 0.35 * style.bass)
    other = bool(rng.random() >= 0.05)
    return Forces(drums, bass or not (drums or other), other)


def present(rng: np.random.Generator, sections: list[Section], steadiness: float) -> list[bool]:
    """In which sections a part plays: the fuller the section and the steadier the part, the likelier."""
    return [bool(rng.random() < steadiness + (1 - steadiness) * section.energy) for section in sections]


def played(
    rng: np.random.Generator,
    sections: list[Section],
    present_in: list[bool],
    registers: tuple[int, int],
    feel: str,
    player: Callable[[Take], list[Note]],
) -> list[Note]:
    """A player's notes over the sections; those of one label get the same chance, so the same material."""
    seed = int(rng.integers(2**31))
    again = rng.random() < 0.75
    notes: list[Note] = []
    for number, (section, plays) in enumerate(zip(sections, present_in, strict=True)):
        if plays:
            own = np.random.default_rng([seed, ord(section.label) if again else number])
            take = Take(own, section, *registers, feel)
            notes.extend(player(take))
    return [note for note in notes if note.start >= 0]


def other_parts(rng: np.random.Generator, style: Style, sections: list[Section]) -> list[Part]:
    """The parts beside drums and bass: roles of the style, one of another style's now and then."""
    count = int(rng.integers(style.parts[0], style.parts[1] + 1)) + int(rng.choice([0, 0, 0, 1, 2]))
    weights = np.array([role.weight for role in style.roles])
    picked = rng.choice(
        len(style.roles), min(count, len(style.roles)), replace=False, p=weights / weights.sum()
    )
    roles = [style.roles[int(i)] for i in picked]
    if rng.random() < 0.15:
        roles[int(rng.integers(len(roles)))] = borrowed_role(rng)
    parts: list[Part] = []
    for role in roles:
        parts.append(other_part(rng, role, style, sections, [part.program for part in parts]))
    return parts


def borrowed_role(rng: np.random.Generator) -> Role:
    """A role of any style."""
    style = STYLES[int(rng.integers(len(STYLES)))]
    return style.roles[int(rng.integers(len(style.roles)))]


def other_part(
    rng: np.random.Generator, role: Role, style: Style, sections: list[Section], heard: list[int]
) -> Part:
    """A role's part, on one of its instruments or, one time in seven, on any at all.

    Half the time it is one of `heard` where the role allows: two hands of a piano, two desks of a section.
    """
    programs = gm.ANY_OTHER if rng.random() < 0.15 else role.programs
    program = int(rng.choice(programs))
    shared = [other for other in heard if other in programs]
    if shared and rng.random() < 0.5:
        program = shared[-1]
    part = Part(f"{role.player} ({program})", "other", program)
    registers = register_of(rng, role.register, program)
    present_in = present(rng, sections, 0.35 if role.player in ("melody", "call", "runs", "stabs") else 0.55)
    part.notes = played(rng, sections, present_in, registers, style.feel, PLAYERS[role.player])
    if rng.random() < 0.06:
        changed = int(rng.choice(programs))
        part.programs.append((sections[len(sections) // 2].start, changed))
    return part


def register_of(rng: np.random.Generator, name: str, program: int) -> tuple[int, int]:
    """Lowest and highest key for a part: the role's register, moved into what the instrument can play."""
    low, high = REGISTERS[name]
    bottom, top = gm.range_of(program)
    shift = int(rng.choice([0, 0, 0, 0, -12, 12])) if name not in ("bottom", "low") else 0
    low, high = low + shift, high + shift
    while low < bottom - 3 and low + 12 <= top - 12:
        low, high = low + 12, high + 12
    while high > top + 3 and low - 12 >= bottom:
        low, high = low - 12, high - 12
    low = max(24, min(low, 96))
    return low, max(low + 14, min(high, HIGHEST_KEY))


def bass_parts(rng: np.random.Generator, style: Style, sections: list[Section]) -> list[Part]:
    """The bass; now and then two, which take turns or double each other."""
    made = [bass_part(rng, style, sections, present(rng, sections, 0.75))]
    if rng.random() < 0.08:
        turns = [
            not any(section.start <= note.start < section.end for note in made[0].notes)
            for section in sections
        ]
        made.append(
            bass_part(rng, style, sections, turns if rng.random() < 0.5 else present(rng, sections, 0.3))
        )
    return made


def bass_part(
    rng: np.random.Generator, style: Style, sections: list[Section], present_in: list[bool]
) -> Part:
    """A bass part: one line of the style's for the song, or another for each label."""
    program = int(rng.choice(gm.ANY_BASS if rng.random() < 0.2 else style.basses))
    low = int(rng.choice([26, 28, 28, 28, 31, 33, 36, 40]))
    part = Part(f"bass ({program})", "bass", program)
    lines = style.lines if rng.random() < 0.85 else tuple(LINES)
    main = str(rng.choice(lines))
    changing = rng.random() < 0.5
    seed = int(rng.integers(2**31))

    def player(take: Take) -> list[Note]:
        name = main
        if changing:
            name = str(np.random.default_rng([seed, ord(take.section.label)]).choice(lines))
        return LINES[name](take)

    part.notes = played(rng, sections, present_in, (low, min(67, low + 26)), style.feel, player)
    for note in part.notes:
        while note.key > 67:
            note.key -= 12
    return part


def drum_part(rng: np.random.Generator, style: Style, sections: list[Section]) -> Part:
    """The drums, on one of the style's kits or any."""
    kit = int(rng.choice((0, 8, 16, 24, 25, 26, 32, 40, 48) if rng.random() < 0.15 else style.kits))
    part = Part(f"drums ({kit})", "drums", kit)
    families = ("hands",) if rng.random() < 0.07 else style.grooves
    present_in = present(rng, sections, 0.75)

    def player(take: Take) -> list[Note]:
        return drum_section(take, families, style.percussion)

    part.notes = played(rng, sections, present_in, (35, 81), style.feel, player)
    return part


def raise_above_bass(parts: list[Part]) -> None:
    """Move every part of `other` up by octaves, until all of it lies above `CLEAR_OF_BASS`."""
    for part in parts:
        if part.stem == "other" and part.notes:
            lowest = min(note.key for note in part.notes)
            octaves = max(0, -((lowest - CLEAR_OF_BASS) // 12))
            for note in part.notes:
                note.key += 12 * octaves
            part.notes = [note for note in part.notes if note.key <= HIGHEST_KEY]


def doubled(rng: np.random.Generator, parts: list[Part]) -> list[Part]:
    """Parts that double another in unison or octaves, the bass among them; now and then several at once."""
    added: list[Part] = []
    for part in parts:
        if rng.random() >= (0.3 if part.stem == "bass" else 0.18) or not part.notes:
            continue
        for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
            if len(parts) + len(added) < MOST_PARTS:
                added.append(double(rng, part))
    return added


def double(rng: np.random.Generator, part: Part) -> Part:
    """The same notes on another instrument, an octave or two away at times."""
    if part.stem == "bass":
        program, interval = int(rng.choice(BASS_DOUBLES)), int(rng.choice([0, 0, 12, 12, 24]))
    else:
        familiar = (part.program, 48, 73, 56, 81, 0, 11, 61)
        program = int(rng.choice(gm.ANY_OTHER if rng.random() < 0.4 else familiar))
        interval = int(rng.choice([0, 0, 0, 12, -12]))
    notes = [
        Note(note.start, note.length, note.key + interval, note.velocity * 0.95)
        for note in part.notes
        if 21 <= note.key + interval <= HIGHEST_KEY
    ]
    return Part(f"double ({program})", "other", program, notes)


def keep_sounding(rng: np.random.Generator, parts: list[Part], sections: list[Section]) -> None:
    """Let no section be silent: fill an empty one with what the first part plays elsewhere, moved there."""
    for section in sections:
        if any(section.start <= note.start < section.end for part in parts for note in part.notes):
            continue
        sounding = [part for part in parts if part.notes]
        if not sounding:
            return
        part = sounding[int(rng.integers(len(sounding)))]
        first = min(note.start for note in part.notes)
        source = max(s.start for s in sections if s.start <= first + 1e-6)
        moved = [
            Note(note.start - source + section.start, note.length, note.key, note.velocity)
            for note in part.notes
            if source <= note.start < source + section.end - section.start
        ]
        part.notes.extend(moved)


def stopped(rng: np.random.Generator, parts: list[Part], sections: list[Section]) -> None:
    """Stop time: at the end of some sections everybody but one part, or everybody, breaks off."""
    for section in sections[:-1]:
        if rng.random() < 0.5:
            continue
        begin = section.end - float(rng.choice([0.5, 1, 2, section.meter.beats]))
        goes_on = parts[int(rng.integers(len(parts)))] if rng.random() < 0.8 else None
        for part in parts:
            if part is not goes_on:
                part.notes = [
                    cut(note, begin) for note in part.notes if not begin <= note.start < section.end
                ]


def cut(note: Note, end: float) -> Note:
    """The note, ended by `end` where it begins before it."""
    reaching = note.start < end < note.start + note.length
    return Note(note.start, end - note.start, note.key, note.velocity) if reaching else note


def closed(parts: list[Part], section: Section) -> None:
    """End the song on its last bar's downbeat: what would follow is dropped, what sounds there is held."""
    final = section.end - section.meter.beats
    if not any(abs(note.start - final) < 1e-6 for part in parts for note in part.notes):
        return
    for part in parts:
        part.notes = [note for note in part.notes if note.start <= final + 1e-6]
        if part.stem != "drums":
            for note in part.notes:
                if note.start >= final - 1e-6:
                    note.length = section.meter.beats * 0.95
