"""Rendered songs made to sound produced: levels, place, equaliser, saturation, reverb, speed, MP3."""
