"""The boundary loss: the softmax weighted by the distance to the reference's boundary."""

from __future__ import annotations

import numpy as np
import torch

from segkit import IGNORE, Task
from segkit_losses.common import valid_pixels, with_background
from segkit_losses.params import Boundary


class BoundaryLoss:
    """Mean over valid pixels and classes of p times the signed distance, negative inside (Kervadec et al. 2019).

    Of overlapping classes p is the sigmoid of each, and a class that is ignored throughout a sample is in no mean.

    Args:
        rise: share of the run over which the weight rises from 0 to 1, as the paper joins it to a regional loss.
    """

    def __init__(self, task: Task, rise: float) -> None:
        self.overlapping = task.overlapping
        self.rise = rise

    def __call__(
        self, logits: torch.Tensor, mask: torch.Tensor, *, map: torch.Tensor, epoch: int, epochs: int
    ) -> torch.Tensor:
        """Return the loss (N,) of logits (N, K, *S); `map` has a signed distance per class."""
        with torch.autocast(logits.device.type, enabled=False):
            raised = logits.to(torch.promote_types(logits.dtype, torch.float32))
            foreground = raised.sigmoid() if self.overlapping else with_background(raised).softmax(dim=1)[:, 1:]
            valid = valid_pixels(mask if self.overlapping else mask.unsqueeze(1)).expand_as(foreground).flatten(2)
            weighted = (foreground * map.to(foreground.dtype)).flatten(2) * valid
            each = weighted.sum(dim=2) / valid.sum(dim=2).clamp_min(1)
            seen = valid.any(dim=2).sum(dim=1).clamp_min(1)
        weight = 1.0 if self.rise == 0 else min(1.0, (epoch - 1) / max(1.0, self.rise * epochs))
        return weight * each.sum(dim=1) / seen


def build(task: Task, params: Boundary) -> BoundaryLoss:
    """Build the loss."""
    return BoundaryLoss(task, params.rise)


def signed_distances(mask: np.ndarray, spacing: tuple[float, ...] | None, task: Task, params: Boundary) -> np.ndarray:
    """Return for each class the distance to its boundary, negative inside (classes, *S), 0 where a mask lacks it.

    Distances are in pixels, or of volumes in voxels of the finest axis, and at most `params.limit`.
    """
    from scipy import ndimage

    sampling = None if spacing is None else np.asarray(spacing) / min(spacing)
    found = np.zeros((len(task.classes), *(mask.shape[1:] if task.overlapping else mask.shape)), np.float32)
    for place in range(len(task.classes)):
        drawn = mask[place] if task.overlapping else mask
        inside = drawn == (1 if task.overlapping else place + 1)
        if not inside.any() or inside.all():
            continue
        outside = ndimage.distance_transform_edt(~inside, sampling=sampling)
        depth = ndimage.distance_transform_edt(inside, sampling=sampling)
        # The paper's: 0 on the inner side of the boundary, which belongs to the structure.
        found[place] = np.clip(np.where(inside, -(depth - 1), outside), -params.limit, params.limit)
        found[place][drawn == IGNORE] = 0
    return found
