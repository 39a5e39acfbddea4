"""PSPNet: the published head on timm's dilated backbones."""

from __future__ import annotations

__version__ = "0.1.0"

from segkit import Architecture, hookimpl


@hookimpl
def segkit_architectures() -> list[Architecture]:
    """Return the PSPNet."""
    return [
        Architecture(
            name="pspnet",
            factory="segkit_pspnet.model:build",
            summary="PSPNet: the published pyramid pooling head on a dilated backbone of timm.",
            params="segkit_pspnet.params:PSPNetParams",
            reference="Zhao, Shi, Qi, Wang, Jia: Pyramid Scene Parsing Network. CVPR 2017, https://arxiv.org/abs/1612.01105",
            spatial_dims=(2,),
            offers="segkit_pspnet.params:offers",
            layers={"last": "head.convolution", "middle": "features"},
            parts={"encoder": ("backbone",), "head": ("pooling", "head", "aux")},
            small={"backbone": "test_resnet", "head_width": 16},
            export={"onnx": "static: torch writes adaptive average pooling into ONNX with the traced grid's cells"},
            defaults={2: {"arch.backbone": "resnet18"}},
            settings="segkit_pspnet.settings:normalization",
            pretrained="segkit_pspnet.published:published",
        )
    ]
