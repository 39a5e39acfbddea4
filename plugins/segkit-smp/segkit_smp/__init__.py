"""Every architecture of segmentation_models.pytorch, in 2D."""

from __future__ import annotations

__version__ = "0.1.0"

from dataclasses import dataclass
from pathlib import Path

from segkit import Architecture, hookimpl, param


@dataclass(frozen=True)
class SmpParams:
    """What can be varied of all of them; the rest is as the library sets it."""

    encoder: str = param("resnet34", "The library's name of an encoder, or tu-NAME for one of timm.")
    depth: int = param(5, "Stages of the encoder, each of which halves the grid.", min=3, max=5)
    pretrained: bool | Path = param(
        False,
        "Start with the encoder's weights: true for the library's, downloaded where they are not in the cache, or a "
        "file.",
        start=True,
    )
    weights: Path | None = param(None, "Older word for pretrained=FILE.", start=True)


@dataclass(frozen=True)
class ShallowParams(SmpParams):
    """The library's PSPNet ends after three stages."""

    depth: int = param(3, "Stages of the encoder, each of which halves the grid.", min=3, max=5)


@dataclass(frozen=True)
class DptParams:
    """What can be varied of a DPT, whose encoder is a vision transformer."""

    encoder: str = param("tu-vit_base_patch16_224", "tu-NAME of a vision transformer of timm.")
    pretrained: bool | Path = param(
        False,
        "Start with the encoder's weights: true for timm's, downloaded where they are not in the cache, or a file.",
        start=True,
    )
    weights: Path | None = param(None, "Older word for pretrained=FILE.", start=True)


ARCHITECTURES = {
    "unet": ("U-Net", "https://arxiv.org/abs/1505.04597"),
    "unetplusplus": ("U-Net++ without deep supervision", "https://arxiv.org/abs/1807.10165"),
    "manet": ("MA-Net: multi-scale attention", "https://ieeexplore.ieee.org/abstract/document/9201310"),
    "linknet": ("LinkNet: skips that are added", "https://arxiv.org/abs/1707.03718"),
    "fpn": ("feature pyramid", "http://presentations.cocodataset.org/COCO17-Stuff-FAIR.pdf"),
    "pspnet": ("pyramid pooling on three stages", "https://arxiv.org/abs/1612.01105"),
    "deeplabv3": ("DeepLabV3", "https://arxiv.org/abs/1706.05587"),
    "deeplabv3plus": ("DeepLabV3+", "https://arxiv.org/abs/1802.02611"),
    "pan": ("pyramid attention", "https://arxiv.org/abs/1805.10180"),
    "upernet": ("UPerNet", "https://arxiv.org/abs/1807.10221"),
    "segformer": ("SegFormer's head", "https://arxiv.org/abs/2105.15203"),
    "dpt": ("dense prediction transformer", "https://arxiv.org/abs/2103.13413"),
}
"""The library's names, as `segmentation_models_pytorch.create_model` takes them: what they are, and where from."""
ADAPTIVE = "static: the ONNX form of adaptive average pooling holds the cells of the traced size"
EXPORT = {"pspnet": {"onnx": ADAPTIVE}, "upernet": {"onnx": ADAPTIVE}}
PARAMS = {"pspnet": ShallowParams, "dpt": DptParams}


@hookimpl
def segkit_architectures() -> list[Architecture]:
    """Return them all, as smp-unet, smp-fpn, ..."""
    return [declare(name) for name in ARCHITECTURES]


def declare(name: str) -> Architecture:
    """Return the declaration of one of the library's architectures."""
    title, reference = ARCHITECTURES[name]
    transformer = name == "dpt"
    return Architecture(
        name=f"smp-{name}",
        factory=f"segkit_smp.model:build_{name}",
        summary=f"segmentation_models.pytorch: {title}.",
        params=PARAMS.get(name, SmpParams),
        reference=reference,
        layers={"last": "last"} if transformer else {"last": "last", "middle": "middle"},
        parts={
            "encoder": ("network.encoder",),
            "decoder": ("network.decoder",),
            "head": ("network.segmentation_head",),
        },
        settings="segkit_smp.settings:normalization",
        pretrained="segkit_smp.published:published",
        export=EXPORT.get(name, {}),
        small={"encoder": "tu-test_vit" if transformer else "tu-test_resnet"},
    )
