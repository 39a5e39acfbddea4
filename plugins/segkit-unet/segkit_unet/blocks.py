"""The parts a U-Net is made of, for 2 or 3 spatial dims."""

from __future__ import annotations

import math

import torch
from torch import nn

from segkit_unet.normalization import normalization

CONVOLUTION: dict[int, type[nn.Conv2d] | type[nn.Conv3d]] = {2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED: dict[int, type[nn.ConvTranspose2d] | type[nn.ConvTranspose3d]] = {
    2: nn.ConvTranspose2d,
    3: nn.ConvTranspose3d,
}
POOLING: dict[int, type[nn.MaxPool2d] | type[nn.MaxPool3d]] = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
LINEAR = {2: "bilinear", 3: "trilinear"}


class DoubleConvolution(nn.Sequential):
    """Two 3x3 convolutions, each followed by normalisation (or none) and ReLU; (N, C, *S) to (N, K, *S).

    The convolutions have a bias where there is no normalisation: with one, its own offset takes that place.
    The ReLUs are not in place, so that hooks see what a convolution gave.
    """

    def __init__(self, dims: int, in_channels: int, out_channels: int, norm: str) -> None:
        layers: list[nn.Module] = []
        for channels in (in_channels, out_channels):
            layers += convolution(dims, channels, out_channels, 3, norm)
            layers.append(nn.ReLU())
        super().__init__(*layers)


class ResidualConvolution(nn.Module):
    """Two 3x3 convolutions to whose result the input is added before the last ReLU; (N, C, *S) to (N, K, *S).

    The basic block of He, Zhang, Ren and Sun (2016): where the channels change, the input goes through a 1x1
    convolution and normalisation.
    """

    def __init__(self, dims: int, in_channels: int, out_channels: int, norm: str) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            *convolution(dims, in_channels, out_channels, 3, norm),
            nn.ReLU(),
            *convolution(dims, out_channels, out_channels, 3, norm),
        )
        unchanged = in_channels == out_channels
        self.shortcut = nn.Sequential(*([] if unchanged else convolution(dims, in_channels, out_channels, 1, norm)))
        self.activation = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the merged map."""
        merged: torch.Tensor = self.activation(self.convolutions(x) + self.shortcut(x))
        return merged


def convolution(dims: int, in_channels: int, out_channels: int, kernel: int, norm: str) -> list[nn.Module]:
    """Return a convolution that keeps the grid, and its normalisation if there is one."""
    layer = CONVOLUTION[dims](in_channels, out_channels, kernel, padding=kernel // 2, bias=norm == "none")
    return [layer] if norm == "none" else [layer, normalization(norm, dims, out_channels)]


def double_convolution(dims: int, in_channels: int, out_channels: int, norm: str, *, residual: bool) -> nn.Module:
    """Return the block of one node: two convolutions, with or without the input added."""
    block: type[DoubleConvolution] | type[ResidualConvolution] = ResidualConvolution if residual else DoubleConvolution
    return block(dims, in_channels, out_channels, norm)


class UpBlock(nn.Module):
    """The grid doubled, the skips of that grid concatenated in front, two convolutions.

    Args:
        skips: how many maps of the finer grid are concatenated; one in a U-Net.
        upsampling: "transposed" for a 2x2 transposed convolution, "interpolate" for a 1x1 convolution to as many
            channels and linear interpolation at cell centres.
    """

    def __init__(
        self,
        dims: int,
        in_channels: int,
        out_channels: int,
        norm: str,
        skips: int = 1,
        *,
        upsampling: str = "transposed",
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.up: nn.Module
        if upsampling == "transposed":
            self.up = TRANSPOSED[dims](in_channels, out_channels, 2, stride=2)
        else:
            # Both are linear and give the same in either order; before, the convolution has a quarter of the cells.
            self.up = nn.Sequential(
                CONVOLUTION[dims](in_channels, out_channels, 1),
                nn.Upsample(scale_factor=2, mode=LINEAR[dims], align_corners=False),
            )
        self.convolutions = double_convolution(dims, (skips + 1) * out_channels, out_channels, norm, residual=residual)

    def forward(self, x: torch.Tensor, *skips: torch.Tensor) -> torch.Tensor:
        """Double the grid of `x` (N, 2C, *S) and merge it with each of `skips` (N, C, *2S); returns (N, C, *2S)."""
        merged: torch.Tensor = self.convolutions(torch.cat((*skips, self.up(x)), dim=1))
        return merged


def initialize(module: nn.Module) -> None:
    """Draw convolution weights with the published deviation sqrt(2 / N), N inputs per output value; biases are 0."""
    if not isinstance(module, (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)):
        return
    inputs = module.in_channels
    if isinstance(module, (nn.Conv2d, nn.Conv3d)):
        # Kernel and stride of the transposed ones are equal: one tap per input channel reaches an output value.
        inputs *= math.prod(module.kernel_size)
    nn.init.normal_(module.weight, std=math.sqrt(2 / inputs))
    if module.bias is not None:
        nn.init.zeros_(module.bias)
