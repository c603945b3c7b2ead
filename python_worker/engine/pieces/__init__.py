"""A long mixture, separated piece by piece."""
