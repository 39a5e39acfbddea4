"""The published U-Net, in 2D and 3D."""

from __future__ import annotations

__version__ = "0.1.0"

from segkit import Architecture, hookimpl


@hookimpl
def segkit_architectures() -> list[Architecture]:
    """Return the U-Net."""
    return [
        Architecture(
            name="unet",
            factory="segkit_unet.model:build",
            summary="U-Net as published: contracting and expanding path with concatenated skips.",
            params="segkit_unet.params:UNetParams",
            reference="Ronneberger, Fischer, Brox: U-Net: Convolutional Networks for Biomedical Image Segmentation. "
            "MICCAI 2015, https://arxiv.org/abs/1505.04597",
            spatial_dims=(2, 3),
            layers={"last": "decoder.0", "middle": "bottleneck"},
            offers="segkit_unet.params:offers",
            parts={"encoder": ("encoder", "bottleneck"), "decoder": ("decoder",), "head": ("head", "heads")},
            small={"width": 4, "depth": 2},
            suits=("any-data",),
            variants=tuple({"width": width} for width in (8, 16, 24, 32, 48, 64)),
            defaults={
                2: {"arch.norm": "instance", "arch.width": 24},
                3: {"arch.norm": "instance", "arch.width": 16, "arch.depth": 3},
            },
        )
    ]
