"""PSPNet: the published head on timm's dilated backbones."""

from __future__ import annotations

__version__ = "0.1.0"

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from segkit import Architecture, hookimpl, param


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


@hookimpl
def segkit_architectures() -> list[Architecture]:
    """Return the PSPNet."""
    return [
        Architecture(
            name="pspnet",
            factory="segkit_pspnet.model:build",
            summary="PSPNet: the published pyramid pooling head on a dilated backbone of timm.",
            params=PSPNetParams,
            reference="Zhao, Shi, Qi, Wang, Jia: Pyramid Scene Parsing Network. CVPR 2017, https://arxiv.org/abs/1612.01105",
            spatial_dims=(2,),
            layers={"last": "head.convolution", "middle": "features"},
            parts={"encoder": ("backbone",), "head": ("pooling", "head", "aux")},
            small={"backbone": "test_resnet", "head_width": 16},
            export={"onnx": "static: torch writes adaptive average pooling into ONNX with the traced grid's cells"},
            defaults={2: {"arch.backbone": "resnet18"}},
            settings="segkit_pspnet.settings:normalization",
            pretrained="segkit_pspnet.published:published",
        )
    ]
