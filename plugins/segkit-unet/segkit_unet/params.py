"""What can be set of segkit-unet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segkit import param


@dataclass(frozen=True)
class UNetParams:
    """What can be varied of a U-Net; the defaults are the published network."""

    width: int = param(64, "Channels of the first level; each level below has twice as many.", min=1, max=1024)
    depth: int = param(4, "Number of 2x2 poolings.", min=1, max=8)
    norm: Literal["none", "batch", "instance", "group"] = param(
        "none", "Normalisation after each 3x3 convolution, which then has no bias of its own."
    )
    dropout: float = param(0.0, "Dropout probability at the end of the contracting path.", min=0, max=0.95)
    upsampling: Literal["transposed", "interpolate"] = param(
        "transposed", "2x2 transposed convolution, or a 1x1 convolution and linear interpolation."
    )
    residual: bool = param(False, "Add each block's input to its result before the last ReLU.")
    deep_supervision: bool = param(
        False, "A head and a loss on every level of the decoder, each with half the weight of the finer one."
    )
    checkpointing: bool = param(
        False, "Compute inner activations again in the backward pass: less memory, more time, equal weights."
    )


def offers(params: UNetParams) -> tuple[str, ...]:
    """Return what explainers may need of the network: dropout that drops something."""
    return ("dropout",) if params.dropout > 0 else ()
