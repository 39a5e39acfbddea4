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
MEDNEXT = tuple({"width": width, "kernel": kernel} for width, kernel in ((16, 3), (32, 3), (32, 5), (48, 5)))
"""MedNeXt's widths and kernels, the published S being 32 and 3."""
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
            parts={
                "encoder": ("network.conv_0", "network.down_1", "network.down_2", "network.down_3", "network.down_4"),
                "decoder": ("network.upcat_4", "network.upcat_3", "network.upcat_2", "network.upcat_1"),
                "head": ("network.final_conv",),
            },
        ),
        network(
            "basicunetplusplus",
            "BasicUNetPlusPlus",
            "BasicUNetPlusPlusParams",
            "https://arxiv.org/abs/1807.10165",
            "upcat_0_4",
            "conv_4_0",
            small={"width": 4},
            parts={
                "encoder": (
                    "network.conv_0_0",
                    "network.conv_1_0",
                    "network.conv_2_0",
                    "network.conv_3_0",
                    "network.conv_4_0",
                ),
                "head": (
                    "network.final_conv_0_1",
                    "network.final_conv_0_2",
                    "network.final_conv_0_3",
                    "network.final_conv_0_4",
                ),
            },
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
            parts={
                "encoder": ("network.input_block", "network.downsamples", "network.bottleneck"),
                "decoder": ("network.upsamples",),
                "head": ("network.output_block",),
            },
        ),
        network(
            "segresnet",
            "SegResNet",
            "SegResNetParams",
            "https://arxiv.org/abs/1810.11654",
            "up_layers.2",
            "down_layers.3",
            parts={
                "encoder": ("network.convInit", "network.down_layers"),
                "decoder": ("network.up_samples", "network.up_layers"),
                "head": ("network.conv_final",),
            },
        ),
        network(
            "segresnetds",
            "SegResNetDS: with deep supervision",
            "SegResNetDSParams",
            "https://arxiv.org/abs/1810.11654",
            "up_layers.2.blocks",
            "encoder.layers.3.blocks",
            small={"width": 8},
            parts={"encoder": ("network.encoder",)},
        ),
        network(
            "mednext",
            "MedNeXt",
            "MedNeXtParams",
            "https://arxiv.org/abs/2303.09975",
            "dec_stages.3",
            "bottleneck",
            small={"width": 4, "kernel": 3},
            variants=MEDNEXT,
            parts={
                "encoder": ("network.stem", "network.enc_stages", "network.down_blocks", "network.bottleneck"),
                "decoder": ("network.up_blocks", "network.dec_stages"),
                "head": ("network.out_0",),
            },
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
            parts={
                "encoder": (
                    "network.swinViT",
                    "network.encoder1",
                    "network.encoder2",
                    "network.encoder3",
                    "network.encoder4",
                    "network.encoder10",
                ),
                "decoder": (
                    "network.decoder5",
                    "network.decoder4",
                    "network.decoder3",
                    "network.decoder2",
                    "network.decoder1",
                ),
                "head": ("network.out",),
            },
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
            overlapping=True,
        )
        for name, (title, kind) in names.items()
    ]
