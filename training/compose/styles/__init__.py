"""The styles songs are composed in, grouped as a record shop would."""

from __future__ import annotations

from training.compose.styles import band, dance, orchestra, places, roots, stage
from training.compose.styles.style import REGISTERS, Role, Style

STYLES: tuple[Style, ...] = (
    *band.STYLES,
    *roots.STYLES,
    *dance.STYLES,
    *orchestra.STYLES,
    *places.STYLES,
    *stage.STYLES,
)

__all__ = ["REGISTERS", "STYLES", "Role", "Style"]
