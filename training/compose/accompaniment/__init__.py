"""Songs whose drums, bass and chords Musical MIDI Accompaniment plays, in the grooves of its library."""

from training.compose.accompaniment.song import accompanied_song

__all__ = ["accompanied_song"]
