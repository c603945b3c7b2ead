"""Checkpoints of one network that become one, halfway between them."""
