"""Normalisation layers by name."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable

BATCH_NORM: dict[int, type[nn.BatchNorm2d] | type[nn.BatchNorm3d]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}

LARGEST_GROUPS = 8


def normalization(norm: str, dims: int, channels: int) -> nn.Module:
    """Return the normalisation layer of a name; identity for "none".

    "group" has 8 groups, or the largest divisor of 8 that divides the channels.
    """
    if norm == "batch":
        return BATCH_NORM[dims](channels)
    if norm == "instance":
        return InstanceNorm(channels, channels)
    if norm == "group":
        return nn.GroupNorm(math.gcd(LARGEST_GROUPS, channels), channels)
    return nn.Identity()


class InstanceNorm(nn.GroupNorm):
    """Instance normalisation as one group per channel: nn.InstanceNorm2d would copy channels-last tensors.

    PyTorch's own group normalisation has no fast gradient for channels-last tensors on a CPU (in bfloat16 it takes
    longer than all convolutions together), its batch normalisation has: in training that one is applied to each sample.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (N, C, *S) with mean 0 and variance 1 over each sample's channel, scaled and shifted per channel."""
        if not self.training or x.device.type != "cpu" or torch.compiler.is_compiling():
            return super().forward(x)
        normalized: torch.Tensor = NormalizedSamples.apply(x, self.weight, self.bias, self.eps)
        return normalized


class NormalizedSamples(torch.autograd.Function):
    """PyTorch's batch normalisation of every sample as a batch of its own."""

    @staticmethod
    def forward(
        context: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, epsilon: float
    ) -> torch.Tensor:
        """Normalise; what the gradient needs is kept."""
        result = torch.empty_like(x)
        moments = []
        for sample, place in zip(x.split(1), result.split(1), strict=True):
            normalized, mean, deviation = torch.native_batch_norm(sample, weight, bias, None, None, True, 0.0, epsilon)
            place.copy_(normalized)
            moments += [mean, deviation]
        context.save_for_backward(x, weight, *moments)
        context.epsilon = epsilon
        return result

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, None]:
        """Return the gradients of images, weight and bias."""
        x, weight, *moments = context.saved_tensors
        result = torch.empty_like(x)
        to_weight, to_bias = torch.zeros_like(weight), torch.zeros_like(weight)
        parts = zip(gradient.split(1), x.split(1), result.split(1), moments[::2], moments[1::2], strict=True)
        for given, sample, place, mean, deviation in parts:
            own, own_weight, own_bias = torch.ops.aten.native_batch_norm_backward(
                given, sample, weight, None, None, mean, deviation, True, context.epsilon, [True, True, True]
            )
            place.copy_(own)
            to_weight += own_weight
            to_bias += own_bias
        return result, to_weight, to_bias, None
