"""Every architecture of segmentation_models.pytorch, in 2D."""

from __future__ import annotations

__version__ = "0.1.0"

from segkit import Architecture, hookimpl

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
DROPPING = ("deeplabv3", "deeplabv3plus", "dpt", "fpn", "pspnet")
"""Those whose decoder or head has the library's dropout."""
PARAMS = {"pspnet": "ShallowParams", "dpt": "DptParams"}


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
        params=f"segkit_smp.params:{PARAMS.get(name, 'SmpParams')}",
        reference=reference,
        layers={"last": "last"} if transformer else {"last": "last", "middle": "middle"},
        parts={
            "encoder": ("network.encoder",),
            "decoder": ("network.decoder",),
            "head": ("network.segmentation_head",),
        },
        settings="segkit_smp.settings:normalization",
        pretrained="segkit_smp.published:published",
        offers=("dropout",) if name in DROPPING else (),
        export=EXPORT.get(name, {}),
        small={"encoder": "tu-test_vit" if transformer else "tu-test_resnet"},
    )
