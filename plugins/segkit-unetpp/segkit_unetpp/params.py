"""What can be set of segkit-unetpp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segkit import param


@dataclass(frozen=True)
class UNetPlusPlusParams:
    """What can be varied of a U-Net++; the defaults are the published network with deep supervision."""

    width: int = param(32, "Channels of the first level; each level below has twice as many.", min=1, max=1024)
    depth: int = param(4, "Number of 2x2 poolings, and of columns of the nested decoder.", min=1, max=6)
    norm: Literal["none", "batch", "instance", "group"] = param(
        "none", "Normalisation after each 3x3 convolution, which then has no bias of its own."
    )
    deep_supervision: bool = param(True, "A head with a loss of its own on each X0,j; false: on the last one only.")
    loss_weights: tuple[float, ...] = param(
        (1.0,), "Weight of each head's loss, X0,1 first; one number stands for all of them.", min=0
    )
    inference: Literal["accurate", "fast"] = param(
        "accurate", "accurate: the mean of all heads' logits; fast: one head, and nothing that it does not need."
    )
    prune_level: int | None = param(
        None,
        "For fast: j of the head X0,j that is taken, and columns that are computed; none: the last.",
        min=1,
    )
