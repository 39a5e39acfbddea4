"""The published U-Net++, in 2D and 3D."""

from __future__ import annotations

__version__ = "0.1.0"

from dataclasses import dataclass
from typing import Literal

from segkit import Architecture, hookimpl, param


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


@hookimpl
def segkit_architectures() -> list[Architecture]:
    """Return the U-Net++."""
    return [
        Architecture(
            name="unetpp",
            factory="segkit_unetpp.model:build",
            summary="U-Net++ as published: nested dense skips, deep supervision, pruned inference.",
            params=UNetPlusPlusParams,
            reference="Zhou, Siddiquee, Tajbakhsh, Liang: UNet++: Redesigning Skip Connections to Exploit Multiscale "
            "Features in Image Segmentation. IEEE TMI 2020, https://arxiv.org/abs/1912.05074",
            spatial_dims=(2, 3),
            layers={"last": "last", "middle": "middle"},
            parts={"head": ("heads",)},
            small={"width": 4, "depth": 2},
            defaults={
                2: {"arch.norm": "instance", "arch.width": 16},
                3: {"arch.norm": "instance", "arch.width": 12, "arch.depth": 3},
            },
        )
    ]
