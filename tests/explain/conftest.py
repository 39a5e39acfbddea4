"""Small networks whose explanations can be written down."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from segkit import Task


class Linear(nn.Module):
    """logits = head(pool(x)): linear, so that every gradient is the same number everywhere."""

    def __init__(self, weights: torch.Tensor) -> None:
        super().__init__()
        self.features = nn.Identity()
        self.head = nn.Conv2d(weights.shape[1], weights.shape[0], 1)
        with torch.no_grad():
            self.head.weight.copy_(weights[..., None, None])
            self.head.bias.fill_(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x))


class Net(nn.Module):
    """Two convolutions on half the grid and back; 3 channels to K logits."""

    def __init__(self, channels: int = 1, dims: int = 2) -> None:
        super().__init__()
        convolution = nn.Conv2d if dims == 2 else nn.Conv3d
        norm = nn.BatchNorm2d if dims == 2 else nn.BatchNorm3d
        self.encoder = nn.Sequential(convolution(3, 5, 3, stride=2, padding=1), norm(5), nn.ReLU())
        self.decoder = nn.Sequential(nn.Upsample(scale_factor=2), convolution(5, 4, 3, padding=1), nn.Tanh())
        self.dropout = nn.Dropout(0.5)
        self.head = convolution(4, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.dropout(self.decoder(self.encoder(x))))


@pytest.fixture
def make_net() -> type[Net]:
    """The network, to be built with K channels and in 2 or 3 dims."""
    return Net


@pytest.fixture
def make_linear() -> type[Linear]:
    """The linear network, to be built with weights (K, 3)."""
    return Linear


@pytest.fixture
def net() -> Net:
    """One foreground class."""
    torch.manual_seed(0)
    return Net().eval()


@pytest.fixture
def images() -> torch.Tensor:
    """Two images (2, 3, 12, 16)."""
    return torch.randn(2, 3, 12, 16, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def one_class() -> Task:
    return Task(3, ("lesion",))


@pytest.fixture
def three_classes() -> Task:
    return Task(3, ("liver", "kidney", "left lung"))
