"""A layer's channels, weighted by gradients that are averaged over the map, over windows, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from segkit import UsageError
from segkit.explain import BoundTarget, tap
from segkit_gradcam.params import GradCamParams

AVERAGE = {2: functional.avg_pool2d, 3: functional.avg_pool3d}


def build_grad_cam(params: GradCamParams) -> Callable[..., Any]:
    """Return Grad-CAM; raises UsageError where the window has no middle cell."""
    if params.pool is not None and params.pool % 2 == 0:
        raise UsageError(f"explainer grad-cam: pool={params.pool} has no middle cell", "give an odd number, or none")
    return partial(explain, pool=params.pool)


def build_hires(params: Any) -> Callable[..., Any]:
    """Return HiResCAM."""
    return partial(explain, pool=1)


def explain(
    model: nn.Module, x: torch.Tensor, layer: str, targets: Sequence[BoundTarget], *, pool: int | None
) -> list[tuple[torch.Tensor, tuple[str, ...]]]:
    """Return for each target the raw signed maps (N, *grid) of a layer and a status per sample.

    map = sum over channels of mean_window(gradient) * activation, from one forward pass for all targets and one
    backward pass each for the whole batch.
    """
    tapped = tap(model, x, layer)
    results = []
    for target, gradient in zip(targets, tapped.gradients(targets, keep=False), strict=True):
        maps = (window_mean(gradient, pool) * tapped.activation.detach()).sum(dim=1)
        results.append((maps, target.status))
    return results


def window_mean(gradient: torch.Tensor, pool: int | None) -> torch.Tensor:
    """Average a gradient (N, C, *grid) over a window around each cell, the cells beyond the rim left out.

    Args:
        pool: cells a side; None for the whole map, of which (N, C, 1, ...) is returned.
    """
    dims = gradient.ndim - 2
    if pool is None:
        return gradient.mean(dim=tuple(range(2, 2 + dims)), keepdim=True)
    if pool == 1:
        return gradient
    # A window of 2 side - 1 cells already reaches all of the map from every cell.
    sides = [min(pool, 2 * side - 1) for side in gradient.shape[2:]]
    return AVERAGE[dims](gradient, sides, stride=1, padding=[side // 2 for side in sides], count_include_pad=False)
