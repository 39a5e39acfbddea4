"""One factory per network of MONAI."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks import nets
from torch import nn

from segkit import Task, UsageError
from segkit_monai import params as of
from segkit_monai.bridge import Bridged

LEVELS = 5
MOST_CHANNELS = {2: 512, 3: 320}
"""nnU-Net's, per spatial dims."""


def halves(count: int) -> tuple[float, ...]:
    """Return 1, 1/2, 1/4, ...: the weights of ever coarser heads."""
    return tuple(0.5**level for level in range(count))


def unbound(stacked: torch.Tensor) -> Sequence[torch.Tensor]:
    """Take apart heads that are stacked behind the batch, (N, heads, K, *S)."""
    return stacked.unbind(1)


def main_last(logits: Sequence[torch.Tensor]) -> Sequence[torch.Tensor]:
    """Put the main logits, the last ones, first."""
    return logits[::-1]


def features(width: int) -> tuple[int, ...]:
    """Return what MONAI's basic networks take: channels per level, and of the last block."""
    return (width, width, 2 * width, 4 * width, 8 * width, width)


def basicunet(task: Task, params: of.BasicUNetParams) -> Bridged:
    """Return a BasicUNet."""
    network = nets.BasicUNet(task.spatial_dims, task.in_channels, task.out_channels, features(params.width))
    return Bridged(network, 16)


def basicunetplusplus(task: Task, params: of.BasicUNetPlusPlusParams) -> Bridged:
    """Return a BasicUNetPlusPlus; in eval mode its last head's logits."""
    network = nets.BasicUNetPlusPlus(
        task.spatial_dims,
        task.in_channels,
        task.out_channels,
        features(params.width),
        deep_supervision=params.deep_supervision,
    )
    if not params.deep_supervision:
        # MONAI makes the three other heads all the same; nothing would train them.
        for column in (1, 2, 3):
            setattr(network, f"final_conv_0_{column}", nn.Identity())
    return Bridged(network, 16, main_last, (1.0,) * (4 if params.deep_supervision else 1))


def unet(task: Task, params: of.UNetParams) -> Bridged:
    """Return a UNet of five levels."""
    channels = [params.width * 2**level for level in range(LEVELS)]
    strides = [2] * (LEVELS - 1)
    network = nets.UNet(
        task.spatial_dims, task.in_channels, task.out_channels, channels, strides, num_res_units=params.res_units
    )
    return Bridged(network, 16)


def attentionunet(task: Task, params: of.AttentionUNetParams) -> Bridged:
    """Return an AttentionUnet of five levels."""
    channels = [params.width * 2**level for level in range(LEVELS)]
    network = nets.AttentionUnet(task.spatial_dims, task.in_channels, task.out_channels, channels, [2] * (LEVELS - 1))
    return Bridged(network, 16)


def dynunet(task: Task, params: of.DynUNetParams) -> Bridged:
    """Return a DynUNet."""
    strides = [1] + [2] * (params.levels - 1)
    network = nets.DynUNet(
        task.spatial_dims,
        task.in_channels,
        task.out_channels,
        kernel_size=[3] * params.levels,
        strides=strides,
        upsample_kernel_size=strides[1:],
        filters=[min(params.width * 2**level, MOST_CHANNELS[task.spatial_dims]) for level in range(params.levels)],
        res_block=params.res_block,
        deep_supervision=params.deep_supervision,
        deep_supr_num=2 if params.deep_supervision else 1,
    )
    return Bridged(network, 2 ** (params.levels - 1), unbound if params.deep_supervision else None, halves(3))


def segresnet(task: Task, params: of.SegResNetParams) -> Bridged:
    """Return a SegResNet; raises UsageError where eight groups do not divide the width."""
    check_multiple(params.width, 8)
    network = nets.SegResNet(task.spatial_dims, params.width, task.in_channels, task.out_channels)
    return Bridged(network, 8)


def segresnetds(task: Task, params: of.SegResNetDSParams) -> Bridged:
    """Return a SegResNetDS."""
    heads = 3 if params.deep_supervision else 1
    network = nets.SegResNetDS(task.spatial_dims, params.width, task.in_channels, task.out_channels, dsdepth=heads)
    return Bridged(network, 8, list, halves(heads))


def mednext(task: Task, params: of.MedNeXtParams) -> Bridged:
    """Return a MedNeXt."""
    network = nets.MedNeXt(
        task.spatial_dims,
        params.width,
        task.in_channels,
        task.out_channels,
        kernel_size=params.kernel,
        deep_supervision=params.deep_supervision,
        use_residual_connection=True,
    )
    return Bridged(network, 16, list, halves(5))


def swinunetr(task: Task, params: of.SwinUNETRParams) -> Bridged:
    """Return a SwinUNETR; raises UsageError for widths that its attention heads do not divide."""
    check_multiple(params.width, 12)
    network = nets.SwinUNETR(
        task.in_channels, task.out_channels, feature_size=params.width, spatial_dims=task.spatial_dims
    )
    return Bridged(network, 32)


def check_multiple(width: int, factor: int) -> None:
    """Raise UsageError unless a width is a multiple."""
    if width % factor:
        raise UsageError(
            f"arch.width={width} is no multiple of {factor}", f"give {factor}, {2 * factor} or another multiple"
        )
