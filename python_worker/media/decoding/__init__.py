"""Decoding by FFmpeg, and what libsndfile would read."""
