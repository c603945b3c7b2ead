"""Checkpoints, adapters, precision, and the cache of loaded models."""
