"""How long the audio of a file is, counted."""
