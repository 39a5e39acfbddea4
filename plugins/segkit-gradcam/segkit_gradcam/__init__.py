"""Grad-CAM of segmentation networks, HiResCAM, and what lies between the two."""

from __future__ import annotations

__version__ = "0.1.0"

from segkit import Explainer, hookimpl


@hookimpl
def segkit_explainers() -> list[Explainer]:
    """Return Grad-CAM and HiResCAM."""
    return [
        Explainer(
            name="grad-cam",
            factory="segkit_gradcam.method:build_grad_cam",
            summary="Grad-CAM: a layer's channels weighted by the target's mean gradient; Seg-Grad-CAM by its pixels.",
            params="segkit_gradcam.params:GradCamParams",
            reference="Selvaraju et al.: Grad-CAM. ICCV 2017, https://arxiv.org/abs/1610.02391; for segmentation: "
            "Vinogradova, Dibrov, Myers: Towards Interpretable Semantic Segmentation via Gradient-weighted Class "
            "Activation Mapping. AAAI 2020, https://arxiv.org/abs/2002.11434",
            several=True,
            overlapping=True,
        ),
        Explainer(
            name="hires",
            factory="segkit_gradcam.method:build_hires",
            summary="HiResCAM: gradient times activation, cell by cell, summed over a layer's channels.",
            reference="Draelos, Carin: Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional "
            "neural networks. 2020, https://arxiv.org/abs/2011.08891",
            several=True,
            overlapping=True,
        ),
    ]
