"""The network's training, in plain PyTorch.

MSST's own `msst-train` reads the same folders. This loop stands beside it: a processor needs what that has
not: bfloat16 without a GPU, channels-last memory, a rate that falls to nothing at a given step, and to go on
after an interruption exactly where it stopped. The network, its YAML and its checkpoint are MSST's.
"""
