"""What MONAI's networks lack for segkit: any size, one tensor in eval mode, Outputs in train mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from segkit import Outputs, SegkitError
from segkit.padding import crop, pad_to_multiple


class Bridged(nn.Module):
    """One of MONAI's networks: padded to the multiples it needs, cropped back.

    Args:
        split: what the network returns -> logits, the main ones first; None where it is the logits.
        weights: of those logits' losses.

    Attributes:
        size_multiple: what the network divides the grid by.
        size_minimum: two cells of its coarsest map, so that there is something to normalise.
    """

    def __init__(
        self,
        network: nn.Module,
        multiple: int = 1,
        split: Callable[[Any], Sequence[torch.Tensor]] | None = None,
        weights: Sequence[float] = (1.0,),
    ) -> None:
        super().__init__()
        self.network = network
        self.size_multiple = multiple
        self.size_minimum = 2 * multiple
        self.split = split
        self.weights = tuple(weights)

    def forward(self, x: torch.Tensor) -> torch.Tensor | Outputs:
        """Return logits (N, K, *S) of images (N, C, *S); raises SegkitError where a side is too small."""
        size = x.shape[2:]
        if min(size) < self.size_minimum:
            raise SegkitError(
                f"MONAI's {type(self.network).__name__}: an image of {'x'.join(map(str, size))} is too small",
                f"give at least {self.size_minimum} along each side",
            )
        padded = pad_to_multiple(x, self.size_multiple)
        found = self.network(padded)
        logits = list(self.split(found)) if self.split and not isinstance(found, torch.Tensor) else [found]
        if self.split and isinstance(found, torch.Tensor) and found.ndim > x.ndim:
            logits = list(self.split(found))
        if padded is not x:
            logits = [cropped(one, padded.shape[2:], size) for one in (logits if self.training else logits[:1])]
        if not self.training or len(logits) == 1:
            return logits[0]
        return Outputs(logits, self.weights)


def cropped(logits: torch.Tensor, padded: Sequence[int], size: Sequence[int]) -> torch.Tensor:
    """Return logits of the image itself; coarse ones, which have no whole cells over it, are interpolated first."""
    if tuple(logits.shape[2:]) != tuple(padded):
        mode = {4: "bilinear", 5: "trilinear"}[logits.ndim]
        logits = functional.interpolate(logits, size=tuple(padded), mode=mode, align_corners=False)
    return crop(logits, size)
