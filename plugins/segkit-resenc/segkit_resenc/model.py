"""The library's networks, made to take any size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet, ResidualEncoderUNet
from torch import nn
from torch.nn import functional

from segkit import Outputs, SegkitError, Task, UsageError
from segkit.padding import crop, pad_to_multiple
from segkit_resenc.params import Layout, PlainParams, ResidualParams
from segkit_resenc.topology import Topology, topology

USUAL_SIDES = {2: 256, 3: 96}
"""The working size where nobody says one."""
CONVOLUTION: dict[int, type[nn.Module]] = {2: nn.Conv2d, 3: nn.Conv3d}
NORMALIZATION: dict[int, type[nn.Module]] = {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}
LINEAR = {2: "bilinear", 3: "trilinear"}
MOST_CHANNELS = {2: 512, 3: 320}
"""nnU-Net's, per spatial dims."""
SECOND_NAMES = ("conv", "norm", "dropout", "nonlin")
"""What the library's blocks call the layers that their `all_modules` holds too."""


class DynamicUNet(nn.Module):
    """One of the library's U-Nets, its encoder and decoder under the library's own names.

    Attributes:
        middle, last: names for explanations: the encoder's coarsest map, and the map before the head.
        size_multiple: what the most divided axis is divided by.
        size_minimum: smallest side; something is then left to normalise in the coarsest map.
    """

    def __init__(self, network: Any, layout: Topology, *, deep_supervision: bool) -> None:
        super().__init__()
        self.encoder: nn.Module = network.encoder
        self.decoder: Any = network.decoder
        self.middle, self.last = nn.Identity(), nn.Identity()
        self.multiples = layout.multiples
        self.size_multiple = max(layout.multiples)
        self.size_minimum = min(layout.multiples) + 1
        without_second_names(self)
        del self.decoder.encoder
        # Heads are in the order of the decoder, the coarsest stage first: nnU-Net gives that one no weight.
        count = len(self.decoder.seg_layers)
        self.supervised = range(1 if deep_supervision else count - 1, count) if count > 1 else range(count)
        for place in set(range(count)) - set(self.supervised):
            self.decoder.seg_layers[place] = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor | Outputs:
        """Return logits (N, K, *S) of images (N, C, *S); raises SegkitError where a side is too small.

        In train mode with deep supervision the coarser logits follow, each stage with half the weight of the finer one.
        """
        size = x.shape[2:]
        if min(size) < self.size_minimum:
            raise SegkitError(
                f"an image of {'x'.join(map(str, size))} is too small for a network that divides it by "
                f"{'x'.join(map(str, self.multiples))}",
                f"give at least {self.size_minimum} along each side, or lower arch.stages",
            )
        padded = pad_to_multiple(x, self.multiples)
        every = self.training and len(self.supervised) > 1
        logits = self.on_multiples(padded, self.supervised if every else self.supervised[-1:])
        if padded is not x:
            logits = [crop(self.resized(one, padded.shape[2:]), size) for one in logits]
        if not every:
            return logits[0]
        weights = [0.5**level for level in range(len(logits))]
        return Outputs(logits, [weight / sum(weights) for weight in weights])

    def on_multiples(self, x: torch.Tensor, heads: Sequence[int]) -> list[torch.Tensor]:
        """Return the logits of some heads, finest first, of images whose sides are multiples."""
        *skips, coarsest = self.encoder(x)
        x = self.middle(coarsest)
        logits = []
        for place, skip in enumerate(reversed(skips)):
            x = self.decoder.stages[place](torch.cat((self.decoder.transpconvs[place](x), skip), 1))
            if place == len(skips) - 1:
                x = self.last(x)
            if place in heads:
                logits.append(self.decoder.seg_layers[place](x))
        return logits[::-1]

    def resized(self, logits: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
        """Interpolate coarse logits: a padded image has no whole number of coarse cells over the image itself."""
        if logits.shape[2:] == torch.Size(size):
            return logits
        return functional.interpolate(logits, size=tuple(size), mode=LINEAR[len(size)], align_corners=False)


def without_second_names(module: nn.Module) -> None:
    """Leave out the library's second names of layers: each weight would be saved twice, or three times."""
    for block in module.modules():
        if hasattr(block, "all_modules"):
            for name in SECOND_NAMES:
                block._modules.pop(name, None)


def residual(task: Task, params: ResidualParams, size: tuple[int, ...] | None = None) -> DynamicUNet:
    """Return a ResidualEncoderUNet for a task."""
    layout = layout_of(task, params, size)
    count = len(layout.strides)
    blocks = [*params.blocks, *[params.blocks[-1]] * count][:count]
    network = ResidualEncoderUNet(
        **common(task, params, layout), n_blocks_per_stage=blocks, n_conv_per_stage_decoder=[1] * (count - 1)
    )
    network.apply(network.initialize)
    return DynamicUNet(network, layout, deep_supervision=params.deep_supervision)


def plain(task: Task, params: PlainParams, size: tuple[int, ...] | None = None) -> DynamicUNet:
    """Return a PlainConvUNet for a task."""
    layout = layout_of(task, params, size)
    count = len(layout.strides)
    network = PlainConvUNet(
        **common(task, params, layout),
        n_conv_per_stage=[params.convolutions] * count,
        n_conv_per_stage_decoder=[params.convolutions] * (count - 1),
    )
    network.apply(network.initialize)
    return DynamicUNet(network, layout, deep_supervision=params.deep_supervision)


def layout_of(task: Task, params: Layout, size: tuple[int, ...] | None) -> Topology:
    """Lay the network out; raises UsageError where the spacing has another number of axes."""
    dims = task.spatial_dims
    if params.spacing is not None and len(params.spacing) != dims:
        raise UsageError(f"arch.spacing has {len(params.spacing)} numbers", f"give mm per voxel of all {dims} axes")
    return topology(size or (USUAL_SIDES[dims],) * dims, params.spacing, params.stages)


def common(task: Task, params: Layout, layout: Topology) -> dict[str, Any]:
    """What the library is told of both networks: nnU-Net's own choices."""
    dims, count = task.spatial_dims, len(layout.strides)
    return {
        "input_channels": task.in_channels,
        "n_stages": count,
        "features_per_stage": [min(params.width * 2**stage, MOST_CHANNELS[dims]) for stage in range(count)],
        "conv_op": CONVOLUTION[dims],
        "kernel_sizes": layout.kernels,
        "strides": layout.strides,
        "num_classes": task.out_channels,
        "conv_bias": True,
        "norm_op": NORMALIZATION[dims],
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "nonlin": nn.LeakyReLU,
        "nonlin_kwargs": {"negative_slope": 0.01},
        "deep_supervision": False,
    }
