"""MIDI songs as audio: one file for each stem, played by FluidSynth."""
