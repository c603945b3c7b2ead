"""What a style is: grooves, bass lines, progressions, roles and instruments that belong together."""

from __future__ import annotations

from dataclasses import dataclass

from training.compose.programs import Programs


@dataclass(frozen=True)
class Role:
    """A part a style calls for: its player, the instruments that take it, its register and its weight."""

    player: str
    programs: Programs
    register: str = "middle"
    weight: float = 1.0


@dataclass(frozen=True)
class Style:
    """What one style is made of; `tempo` in quarters a minute, `swing` the values to choose from."""

    name: str
    weight: float
    tempo: tuple[float, float]
    families: tuple[str, ...]
    grooves: tuple[str, ...]
    lines: tuple[str, ...]
    basses: Programs
    roles: tuple[Role, ...]
    feel: str = "straight"
    swing: tuple[float, ...] = (0.0,)
    swing_unit: float = 1.0
    meters: tuple[str, ...] = ("4/4",)
    kits: Programs = (0,)
    percussion: float = 0.15
    parts: tuple[int, int] = (2, 5)
    drums: float = 0.95
    bass: float = 0.94


# Registers as the lowest and highest key a role may use, before the instrument's own range narrows them.
REGISTERS: dict[str, tuple[int, int]] = {
    "bottom": (26, 50),
    "low": (34, 60),
    "tenor": (45, 70),
    "middle": (52, 79),
    "high": (64, 93),
}
