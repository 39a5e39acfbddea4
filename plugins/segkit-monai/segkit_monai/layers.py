"""Layers that explain a network, where their names depend on its params."""

from __future__ import annotations

from segkit_monai.params import DynUNetParams


def dynunet(params: DynUNetParams) -> dict[str, str]:
    """Return DynUNet's coarsest level, and the finest of its decoder."""
    return {"last": f"network.upsamples.{params.levels - 2}", "middle": "network.bottleneck"}
