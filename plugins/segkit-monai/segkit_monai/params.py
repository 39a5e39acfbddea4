"""What can be varied of MONAI's networks and losses; every default is MONAI's own where it has one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from segkit import param


def width(default: int, least: int = 1) -> Any:
    """Declare the channels of the first level."""
    return param(default, "Channels of the first level; each level below has twice as many.", min=least, max=1024)


def supervision() -> Any:
    """Declare heads on coarser levels."""
    return param(False, "Train heads on coarser levels too, each with half the weight of the finer one.")


@dataclass(frozen=True)
class BasicUNetParams:
    """BasicUNet."""

    width: int = width(32)


@dataclass(frozen=True)
class BasicUNetPlusPlusParams:
    """BasicUNetPlusPlus."""

    width: int = width(32)
    deep_supervision: bool = param(False, "Train a head on each X0,j, all with the same weight.")


@dataclass(frozen=True)
class UNetParams:
    """UNet, whose channels MONAI leaves open: those of its tutorials."""

    width: int = width(16)
    res_units: int = param(2, "Convolutions of each residual unit; 0: no residual units.", min=0, max=8)


@dataclass(frozen=True)
class AttentionUNetParams:
    """AttentionUnet, whose channels MONAI leaves open."""

    width: int = width(16)


@dataclass(frozen=True)
class DynUNetParams:
    """DynUNet with 3x3 kernels, nnU-Net's network."""

    width: int = width(32)
    levels: int = param(5, "Grids, each half as fine as the one before.", min=4, max=7)
    res_block: bool = param(False, "Residual blocks in place of plain ones.")
    deep_supervision: bool = supervision()


@dataclass(frozen=True)
class SegResNetParams:
    """SegResNet."""

    width: int = width(8, least=8)


@dataclass(frozen=True)
class SegResNetDSParams:
    """SegResNetDS."""

    width: int = width(32, least=8)
    deep_supervision: bool = supervision()


@dataclass(frozen=True)
class MedNeXtParams:
    """MedNeXt, with the residual connections that MONAI's `create_mednext` switches on."""

    width: int = width(32)
    kernel: Literal[3, 5, 7] = param(7, "Side of the depthwise kernels.")
    deep_supervision: bool = supervision()


@dataclass(frozen=True)
class SwinUNETRParams:
    """SwinUNETR."""

    width: int = param(24, "Channels of the first level, a multiple of 12.", min=12, max=960)


@dataclass(frozen=True)
class LossParams:
    """What MONAI's losses have in common."""

    include_background: bool = param(True, "Count label 0 as a class (where there are several).")


@dataclass(frozen=True)
class FocalParams(LossParams):
    """FocalLoss."""

    gamma: float = param(2.0, "Power by which sure pixels lose weight.", min=0)


@dataclass(frozen=True)
class TverskyParams(LossParams):
    """TverskyLoss."""

    alpha: float = param(0.5, "Weight of false positives.", min=0)
    beta: float = param(0.5, "Weight of false negatives.", min=0)
