"""Class activation maps by the weights of the network's own head."""

from __future__ import annotations

__version__ = "0.1.0"

from segkit import Explainer, hookimpl


@hookimpl
def segkit_explainers() -> list[Explainer]:
    """Return CAM."""
    return [
        Explainer(
            name="cam",
            factory="segkit_cam.method:build",
            summary="CAM: the features before the head, weighted by the head's own weights for the class.",
            reference="Zhou, Khosla, Lapedriza, Oliva, Torralba: Learning Deep Features for Discriminative "
            "Localization. CVPR 2016, https://arxiv.org/abs/1512.04150",
            layered=False,
            several=True,
            overlapping=True,
        )
    ]
