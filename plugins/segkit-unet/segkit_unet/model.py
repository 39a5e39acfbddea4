"""The U-Net."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from segkit import Outputs, SegkitError, Task
from segkit.padding import crop, pad_to_multiple
from segkit_unet.blocks import CONVOLUTION, LINEAR, POOLING, UpBlock, double_convolution, initialize
from segkit_unet.checkpointing import recomputed
from segkit_unet.params import UNetParams


class UNet(nn.Module):
    """The U-Net of Ronneberger, Fischer and Brox (2015), with zero-padded convolutions so that the size is kept.

    `encoder[i]` and `decoder[i]` work on the same grid, 0 the finest; `decoder[0]` is the last block before the head.

    Args:
        deep_supervision: a head with a loss of its own on every block of the decoder, `auxiliary[i]` on `decoder[i+1]`.
        checkpointing: compute inner activations again in the backward pass.

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
        upsampling: str = "transposed",
        residual: bool = False,
        deep_supervision: bool = False,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth + 1)]
        blocks = [
            double_convolution(spatial_dims, before, after, norm, residual=residual)
            for before, after in zip([in_channels, *widths], widths, strict=False)
        ]
        self.spatial_dims = spatial_dims
        self.checkpointing = checkpointing
        self.size_multiple = 2**depth
        self.size_minimum = 2 * self.size_multiple
        self.encoder = nn.ModuleList(blocks[:depth])
        self.pool = POOLING[spatial_dims](2)
        self.bottleneck = blocks[depth]
        self.dropout = nn.Dropout(dropout)
        self.decoder = nn.ModuleList(
            UpBlock(spatial_dims, coarse, fine, norm, upsampling=upsampling, residual=residual)
            for fine, coarse in itertools.pairwise(widths)
        )
        self.head = CONVOLUTION[spatial_dims](width, out_channels, 1)
        supervised = widths[1:depth] if deep_supervision else []
        self.auxiliary = nn.ModuleList(CONVOLUTION[spatial_dims](channels, out_channels, 1) for channels in supervised)
        self.apply(initialize)

    def forward(self, x: torch.Tensor) -> torch.Tensor | Outputs:
        """Return logits (N, K, *S) of images (N, C, *S); raises SegkitError where a side is too small.

        In train mode with deep supervision the coarser logits follow, each level with half the weight of the finer one.
        """
        size = x.shape[2:]
        if min(size) < self.size_minimum:
            raise SegkitError(
                f"U-Net: an image of {'x'.join(map(str, size))} is too small for depth {len(self.decoder)}",
                f"give at least {self.size_minimum} along each side, or lower arch.depth",
            )
        padded = pad_to_multiple(x, self.size_multiple)
        maps = self.decoded(padded)
        logits: torch.Tensor = self.head(maps[0])
        if padded is not x:
            logits = crop(logits, size)
        if not self.training or not len(self.auxiliary):
            return logits
        coarse = [head(maps[level]) for level, head in enumerate(self.auxiliary, start=1)]
        if padded is not x:
            coarse = [crop(self.resize(one, padded.shape[2:]), size) for one in coarse]
        return Outputs([logits, *coarse], [0.5**level for level in range(len(coarse) + 1)])

    def decoded(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the map of every block of the decoder, finest first, of images whose sides are multiples."""
        skips = []
        for block in self.encoder:
            x = self.call(block, x)
            skips.append(x)
            x = self.pool(x)
        x = self.dropout(self.call(self.bottleneck, x))
        maps = []
        for block, skip in zip(reversed(self.decoder), reversed(skips), strict=True):
            x = self.call(block, x, skip)
            maps.append(x)
        return maps[::-1]

    def call(self, block: nn.Module, *inputs: torch.Tensor) -> torch.Tensor:
        """Call a block, keeping its inner activations for the backward pass or not."""
        if self.checkpointing and self.training and torch.is_grad_enabled():
            return recomputed(block, *inputs)
        result: torch.Tensor = block(*inputs)
        return result

    def resize(self, logits: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
        """Interpolate coarse logits linearly at cell centres.

        Where the image was padded, a coarse grid has no whole number of cells over the image itself.
        """
        return functional.interpolate(logits, size=tuple(size), mode=LINEAR[self.spatial_dims], align_corners=False)


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
        upsampling=params.upsampling,
        residual=params.residual,
        deep_supervision=params.deep_supervision,
        checkpointing=params.checkpointing,
    )
