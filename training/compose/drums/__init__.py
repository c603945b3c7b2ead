"""The drums: grooves, fills and hand percussion on the kit of channel 10."""

from training.compose.drums.player import drum_section

__all__ = ["drum_section"]
