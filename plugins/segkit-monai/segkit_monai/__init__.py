"""MONAI's segmentation networks, 2D and 3D, and its losses."""

from __future__ import annotations

__version__ = "0.1.0"

from typing import Any

from segkit import Architecture, Loss, hookimpl


def network(name: str, summary: str, params: str, reference: str, last: str, middle: str, **rest: Any) -> Architecture:
    """Declare one of MONAI's networks; layers are named from the network itself."""
    layers = rest.pop("layers", {"last": f"network.{last}", "middle": f"network.{middle}"})
    return Architecture(
        name=f"monai-{name}",
        factory=f"segkit_monai.networks:{name}",
        summary=f"MONAI's {summary}.",
        params=f"segkit_monai.params:{params}",
        reference=reference,
        spatial_dims=(2, 3),
        layers=layers,
        **rest,
    )


WINDOWS = "static: the mask of the shifted windows is made for the size it was exported at"
DEEPEST = "model" + ".1.submodule" * 4
"""Where MONAI's recursive U-Nets keep their coarsest level."""


@hookimpl
def segkit_architectures() -> list[Architecture]:
    """Return the networks."""
    return [
        network(
            "basicunet",
            "BasicUNet",
            "BasicUNetParams",
            "Falk et al. 2019, https://doi.org/10.1038/s41592-018-0261-2",
            "upcat_1",
            "down_4",
            small={"width": 4},
        ),
        network(
            "basicunetplusplus",
            "BasicUNetPlusPlus",
            "BasicUNetPlusPlusParams",
            "https://arxiv.org/abs/1807.10165",
            "upcat_0_4",
            "conv_4_0",
            small={"width": 4},
        ),
        network(
            "unet",
            "UNet with residual units",
            "UNetParams",
            "Kerfoot et al. 2019, https://doi.org/10.1007/978-3-030-12029-0_40",
            "model.1",
            DEEPEST,
            small={"width": 4},
        ),
        network(
            "attentionunet",
            "AttentionUnet: gated skips",
            "AttentionUNetParams",
            "https://arxiv.org/abs/1804.03999",
            "model.1",
            DEEPEST,
            small={"width": 4},
        ),
        network(
            "dynunet",
            "DynUNet: nnU-Net's network",
            "DynUNetParams",
            "https://arxiv.org/abs/1809.10486",
            "",
            "bottleneck",
            layers="segkit_monai.layers:dynunet",
            small={"width": 4},
        ),
        network(
            "segresnet",
            "SegResNet",
            "SegResNetParams",
            "https://arxiv.org/abs/1810.11654",
            "up_layers.2",
            "down_layers.3",
        ),
        network(
            "segresnetds",
            "SegResNetDS: with deep supervision",
            "SegResNetDSParams",
            "https://arxiv.org/abs/1810.11654",
            "up_layers.2.blocks",
            "encoder.layers.3.blocks",
            small={"width": 8},
        ),
        network(
            "mednext",
            "MedNeXt",
            "MedNeXtParams",
            "https://arxiv.org/abs/2303.09975",
            "dec_stages.3",
            "bottleneck",
            small={"width": 4, "kernel": 3},
        ),
        network(
            "swinunetr",
            "SwinUNETR",
            "SwinUNETRParams",
            "https://arxiv.org/abs/2201.01266",
            "decoder1",
            "encoder10",
            small={"width": 12},
            export={"torch-export": WINDOWS, "onnx": WINDOWS},
        ),
    ]


@hookimpl
def segkit_losses() -> list[Loss]:
    """Return the losses that need no neighbourhood of a pixel."""
    names = {
        "dice": ("DiceLoss", "LossParams"),
        "dicece": ("DiceCELoss: Dice and cross entropy", "LossParams"),
        "dicefocal": ("DiceFocalLoss: Dice and focal", "FocalParams"),
        "generalized-dice": ("GeneralizedDiceLoss", "LossParams"),
        "focal": ("FocalLoss", "FocalParams"),
        "tversky": ("TverskyLoss", "TverskyParams"),
    }
    return [
        Loss(
            name=f"monai-{name}",
            factory=f"segkit_monai.losses:{name.replace('-', '_')}",
            summary=f"MONAI's {title}, per sample on its valid pixels.",
            params=f"segkit_monai.params:{kind}",
            reference="https://docs.monai.io/en/stable/losses.html",
        )
        for name, (title, kind) in names.items()
    ]
