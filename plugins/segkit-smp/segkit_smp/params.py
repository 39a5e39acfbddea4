"""What can be set of the components of segkit-smp: imported where somebody asks, not to list them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from segkit import param


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
