"""The U-Net."""

from __future__ import annotations

import torch
from torch import nn

from segkit import SegkitError, Task
from segkit_unet import UNetParams
from segkit_unet.blocks import CONVOLUTION, POOLING, DoubleConvolution, UpBlock, initialize
from segkit_unet.padding import crop, pad_to_multiple


class UNet(nn.Module):
    """The U-Net of Ronneberger, Fischer and Brox (2015), with zero-padded convolutions so that the size is kept.

    `encoder[i]` and `decoder[i]` work on the same grid, 0 the finest; `decoder[0]` is the last block before the head.

    Attributes:
        size_multiple: sides that are multiples of it need no padding inside.
        size_minimum: smallest side; the bottleneck then has two cells a side, so that there is something to normalise.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        spatial_dims: int,
        *,
        width: int = 64,
        depth: int = 4,
        norm: str = "none",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth + 1)]
        before = [in_channels, *widths]
        self.size_multiple = 2**depth
        self.size_minimum = 2 * self.size_multiple
        self.encoder = nn.ModuleList(
            DoubleConvolution(spatial_dims, before[level], widths[level], norm) for level in range(depth)
        )
        self.pool = POOLING[spatial_dims](2)
        self.bottleneck = DoubleConvolution(spatial_dims, before[depth], widths[depth], norm)
        self.dropout = nn.Dropout(dropout)
        self.decoder = nn.ModuleList(
            UpBlock(spatial_dims, widths[level + 1], widths[level], norm) for level in range(depth)
        )
        self.head = CONVOLUTION[spatial_dims](width, out_channels, 1)
        self.apply(initialize)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (N, K, *S) of images (N, C, *S); raises SegkitError where a side is too small."""
        size = x.shape[2:]
        if min(size) < self.size_minimum:
            raise SegkitError(
                f"U-Net: an image of {'x'.join(map(str, size))} is too small for depth {len(self.decoder)}",
                f"give at least {self.size_minimum} along each side, or lower arch.depth",
            )
        padded = pad_to_multiple(x, self.size_multiple)
        logits = self.on_multiples(padded)
        return logits if padded is x else crop(logits, size)

    def on_multiples(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits of images whose sides are multiples of `size_multiple`."""
        skips = []
        for block in self.encoder:
            x = block(x)
            skips.append(x)
            x = self.pool(x)
        x = self.dropout(self.bottleneck(x))
        for level in reversed(range(len(self.decoder))):
            x = self.decoder[level](x, skips[level])
        logits: torch.Tensor = self.head(x)
        return logits


def build(task: Task, params: UNetParams) -> UNet:
    """Return a U-Net for a task."""
    return UNet(
        task.in_channels,
        task.out_channels,
        task.spatial_dims,
        width=params.width,
        depth=params.depth,
        norm=params.norm,
        dropout=params.dropout,
    )
