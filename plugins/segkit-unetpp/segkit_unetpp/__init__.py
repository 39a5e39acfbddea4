"""The published U-Net++, in 2D and 3D."""

from __future__ import annotations

__version__ = "0.1.0"

from segkit import Architecture, hookimpl


@hookimpl
def segkit_architectures() -> list[Architecture]:
    """Return the U-Net++."""
    return [
        Architecture(
            name="unetpp",
            factory="segkit_unetpp.model:build",
            summary="U-Net++ as published: nested dense skips, deep supervision, pruned inference.",
            params="segkit_unetpp.params:UNetPlusPlusParams",
            reference="Zhou, Siddiquee, Tajbakhsh, Liang: UNet++: Redesigning Skip Connections to Exploit Multiscale "
            "Features in Image Segmentation. IEEE TMI 2020, https://arxiv.org/abs/1912.05074",
            spatial_dims=(2, 3),
            layers={"last": "last", "middle": "middle"},
            parts={"head": ("heads",)},
            small={"width": 4, "depth": 2},
            defaults={
                2: {"arch.norm": "instance", "arch.width": 16},
                3: {"arch.norm": "instance", "arch.width": 12, "arch.depth": 3},
            },
        )
    ]
