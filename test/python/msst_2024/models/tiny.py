"""A network of one layer that talks, as networks in the wild do."""

import os

import torch
from utils import prefer_target_instrument


class TinyNet(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.channels = config.audio.get("num_channels", 2)
        self.stems = len(prefer_target_instrument(config))
        self.mix = torch.nn.Conv1d(self.channels, self.stems * self.channels, 3, padding=1)

    def forward(self, x):
        print("forward of", tuple(x.shape))
        os.write(1, b"Content-Length: 5\r\n\r\nnoise")
        assert x.shape[1] == self.channels, "wrong number of channels"
        return torch.tanh(self.mix(x)).reshape(len(x), self.stems, self.channels, -1)
