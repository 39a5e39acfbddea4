"""The PSPNet."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from segkit import Outputs, SegkitError, Task, UsageError
from segkit_pspnet.backbone import build_backbone
from segkit_pspnet.params import PSPNetParams


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation that also trains on a batch with one value per channel."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise x (N, C, H, W)."""
        if not self.training or x.numel() > x.shape[1]:
            return super().forward(x)
        # One value has no deviation to divide by: the 1x1 map of a batch of one takes the running statistics, which
        # it leaves as they are.
        return functional.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


def convolution(in_channels: int, out_channels: int, kernel: int) -> nn.Sequential:
    """Return a convolution that keeps the grid, batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False),
        BatchNorm(out_channels),
        # Not in place, so that hooks see what the normalisation gave.
        nn.ReLU(),
    )


def resize(x: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Interpolate a map (N, C, H, W) bilinearly at pixel centres."""
    return functional.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)


class PyramidPooling(nn.Module):
    """A map beside its averages over 1x1, 2x2, ... cells; (N, C, H, W) to (N, `out_channels`, H, W)."""

    def __init__(self, channels: int, bins: Sequence[int]) -> None:
        super().__init__()
        width = max(1, channels // len(bins))
        self.branches = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(cells), convolution(channels, width, 1)) for cells in bins
        )
        self.out_channels = channels + width * len(bins)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Concatenate x and every level of the pyramid, brought to its grid."""
        return torch.cat([x, *(resize(branch(x), x.shape[2:]) for branch in self.branches)], dim=1)


class Head(nn.Module):
    """A 3x3 convolution, dropout of whole channels, and a 1x1 convolution to logits."""

    def __init__(self, in_channels: int, width: int, out_channels: int, dropout: float) -> None:
        super().__init__()
        self.convolution = convolution(in_channels, width, 3)
        self.dropout = nn.Dropout2d(dropout)
        self.classify = nn.Conv2d(width, out_channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (N, K, H, W) of a map (N, C, H, W)."""
        logits: torch.Tensor = self.classify(self.dropout(self.convolution(x)))
        return logits


class PSPNet(nn.Module):
    """The pyramid scene parsing network of Zhao, Shi, Qi, Wang and Jia (2017) on a given backbone.

    Args:
        backbone: as `build_backbone` gives it: images to the last two maps.
        frozen: only the heads are trained; the backbone stays in eval mode.

    Attributes:
        size_multiple: sides that are multiples of it give maps without a partial last cell.
        size_minimum: smallest side; the coarsest map then has two cells a side, and something to normalise.
    """

    def __init__(
        self,
        backbone: nn.Module,
        out_channels: int,
        *,
        bins: Sequence[int] = (1, 2, 3, 6),
        head_width: int = 512,
        dropout: float = 0.1,
        aux_weight: float = 0.4,
        frozen: bool = False,
    ) -> None:
        super().__init__()
        before, last = backbone.feature_info.channels()  # type: ignore[union-attr, operator]
        self.size_multiple: int = backbone.feature_info.reduction()[-1]  # type: ignore[union-attr, operator]
        self.size_minimum = 2 * self.size_multiple
        self.backbone = backbone
        # A name for explanations that is there whatever the backbone.
        self.features = nn.Identity()
        self.pooling = PyramidPooling(last, bins)
        self.head = Head(self.pooling.out_channels, head_width, out_channels, dropout)
        self.aux = Head(before, head_width // 2, out_channels, dropout) if aux_weight else None
        self.aux_weight = aux_weight
        self.frozen = frozen
        if frozen:
            backbone.requires_grad_(False)

    def train(self, mode: bool = True) -> PSPNet:
        """Set the mode; a frozen backbone stays in eval mode, so that its statistics stay as they are."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor | Outputs:
        """Return logits (N, K, H, W) of images (N, C, H, W); raises SegkitError where a side is too small.

        In train mode the auxiliary head's logits follow the main ones, both on the image's grid.
        """
        size = x.shape[2:]
        if min(size) < self.size_minimum:
            raise SegkitError(
                f"PSPNet: an image of {'x'.join(map(str, size))} is too small for output stride {self.size_multiple}",
                f"give at least {self.size_minimum} along each side, or lower arch.output_stride",
            )
        before, last = self.backbone(x)
        logits = resize(self.head(self.pooling(self.features(last))), size)
        if not self.training or self.aux is None:
            return logits
        return Outputs((logits, resize(self.aux(before), size)), (1.0, self.aux_weight))


def build(task: Task, params: PSPNetParams) -> PSPNet:
    """Return a PSPNet for a task; raises UsageError for volumes and params that contradict each other."""
    if task.spatial_dims != 2:
        raise UsageError(
            f"PSPNet is 2D only, the task has {task.spatial_dims} spatial dims",
            "choose a mode of the dataset that gives slices, or an architecture for volumes such as unet or unetpp",
        )
    if not params.bins:
        raise UsageError("arch.bins is empty", "give the cells per side of each level, as in arch.bins=1,2,3,6")
    if params.freeze_backbone and not params.pretrained and params.weights is None:
        raise UsageError(
            "arch.freeze_backbone would keep random weights", "set arch.pretrained=true or arch.pretrained=FILE as well"
        )
    return PSPNet(
        build_backbone(params, task.in_channels),
        task.out_channels,
        bins=params.bins,
        head_width=params.head_width,
        dropout=params.dropout,
        aux_weight=params.aux_weight,
        frozen=params.freeze_backbone,
    )
