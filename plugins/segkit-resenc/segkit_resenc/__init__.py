"""nnU-Net's networks: PlainConvUNet and ResidualEncoderUNet, laid out by the working size, 2D and 3D."""

from __future__ import annotations

__version__ = "0.1.0"

from typing import Any

from segkit import Architecture, hookimpl

WIDTHS = (16, 24, 32, 48)
POOLED = "static: shortcuts are halved by pooling, whose side torch.export cannot prove to be the convolution's"
PARTS = {
    "encoder": ("encoder",),
    "decoder": ("decoder.transpconvs", "decoder.stages"),
    "head": ("decoder.seg_layers",),
}


@hookimpl
def segkit_architectures() -> list[Architecture]:
    """Return both networks."""
    common: dict[str, Any] = {
        "spatial_dims": (2, 3),
        "layers": {"last": "last", "middle": "middle"},
        "parts": PARTS,
        "sized": True,
        "small": {"width": 4, "stages": 4},  # of three stages one head is left: nothing to supervise deeply
        "variants": tuple({"width": width} for width in WIDTHS),
    }
    return [
        Architecture(
            name="resenc",
            factory="segkit_resenc.model:residual",
            summary="ResidualEncoderUNet, as nnU-Net's ResEnc presets have it.",
            params="segkit_resenc.params:ResidualParams",
            export={"onnx": POOLED},
            reference="Isensee et al.: nnU-Net Revisited. MICCAI 2024, https://arxiv.org/abs/2404.09556",
            **common,
        ),
        Architecture(
            name="plainconv",
            factory="segkit_resenc.model:plain",
            summary="PlainConvUNet, as nnU-Net's standard configurations have it.",
            params="segkit_resenc.params:PlainParams",
            reference="Isensee et al.: nnU-Net. Nature Methods 2021, doi:10.1038/s41592-020-01008-z",
            **common,
        ),
    ]
