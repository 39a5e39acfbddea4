"""What wrong networks have in common, and their table."""

from __future__ import annotations

import torch
from torch import nn
from wrong import Table

import segkit

NETWORKS = Table()
LAYERS = {"last": "body"}
PAIR = {"spatial_dims": (2,), "layers": LAYERS}


class Net(nn.Module):
    """Two convolutions; what is wrong is in a subclass."""

    size_minimum, size_multiple = 4, 2

    def __init__(self, channels, outputs, width=4):
        super().__init__()
        self.body = nn.Conv2d(channels, width, 3, padding=1)
        self.head = nn.Conv2d(width, outputs, 1)

    def forward(self, x):
        """Give logits; no smaller image than stated."""
        if min(x.shape[2:]) < self.size_minimum:
            raise segkit.SegkitError(f"{tuple(x.shape)} is smaller than 4", "give larger images")
        return self.out(self.maps(x), x)

    def maps(self, x):
        """The maps before the last layer."""
        return torch.relu(self.body(x))

    def out(self, maps, x):
        """The logits."""
        return self.head(maps)


def net(check, says, *also, **declares):
    """Register a network class."""

    def register(kind):
        def build(task, params):
            return kind(task.in_channels, task.out_channels)

        build.__name__ = kind.__name__
        NETWORKS.add(check, says, *also, **{**PAIR, **declares})(build)
        return kind

    return register
