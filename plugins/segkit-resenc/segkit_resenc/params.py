"""What can be set of segkit-resenc."""

from __future__ import annotations

from dataclasses import dataclass

from segkit import param


@dataclass(frozen=True)
class Layout:
    """What both networks have."""

    width: int = param(32, "Channels of the first stage; each stage below has twice as many.", min=1, max=1024)
    stages: int | None = param(None, "Resolutions; none: as long as 4 cells a side are left.", min=2, max=9)
    spacing: tuple[float, ...] | None = param(
        None, "mm per voxel, by which coarse axes are halved later; none: all axes alike.", min=1e-3
    )
    deep_supervision: bool = param(
        True,
        "A head and a loss on every stage of the decoder but the coarsest, each with half the weight of the finer.",
    )


@dataclass(frozen=True)
class ResidualParams(Layout):
    """ResidualEncoderUNet."""

    blocks: tuple[int, ...] = param(
        (1, 3, 4, 6, 6, 6), "Residual blocks of each stage; the last number for all below.", min=1, max=32
    )

    def __post_init__(self) -> None:
        if not self.blocks:
            raise ValueError("blocks names no stage: give one number or more")


@dataclass(frozen=True)
class PlainParams(Layout):
    """PlainConvUNet."""

    convolutions: int = param(2, "Convolutions of each stage.", min=1, max=8)
