"""The float WAV that MSST can read."""
