"""What can be set of segkit-pspnet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from segkit import param


@dataclass(frozen=True)
class PSPNetParams:
    """What can be varied of a PSPNet; the defaults are the published head on timm's ResNet-50."""

    backbone: str = param("resnet50", "Name of a timm model that can dilate, such as resnet50 or resnet101.a1_in1k.")
    output_stride: Literal[8, 16, 32] = param(8, "Pixels per cell of the backbone's last map; 32 is without dilation.")
    bins: tuple[int, ...] = param((1, 2, 3, 6), "Cells per side of each map of the pyramid.", min=1, max=64)
    head_width: int = param(512, "Channels before the classes; half of it in the auxiliary head.", min=2)
    dropout: float = param(0.1, "Dropout probability of whole channels before the classes.", min=0, max=0.95)
    aux_weight: float = param(0.4, "Loss weight of the auxiliary head on the map before the last; 0: none.", min=0)
    pretrained: bool | Path = param(
        False,
        "Start with the backbone's weights: true for timm's, downloaded where they are not in the cache, or a file.",
        start=True,
    )
    weights: Path | None = param(None, "Older word for pretrained=FILE.", start=True)
    freeze_backbone: bool = param(False, "Train the heads only; the backbone stays in eval mode.", start=True)


def offers(params: PSPNetParams) -> tuple[str, ...]:
    """Return what explainers may need of the network: dropout that drops something."""
    return ("dropout",) if params.dropout > 0 else ()
