"""Songs composed by rule, as MIDI files, to train the starter model on: see `compose_song`."""

from training.compose.song import compose_song

__all__ = ["compose_song"]
